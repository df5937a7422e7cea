"""Whether this process had the cores that it wanted."""

import os
from collections.abc import Iterable
from pathlib import Path
from time import process_time

TOLERATED = 0.05
"""The share of time that threads may wait for a core before a time is held disturbed."""

_TASKS = Path("/proc/self/task")


def waited() -> float | None:
    """Return the seconds that this process's threads, all together, were ready to run and had no core; None untold.

    Linux counts them for each thread (``schedstat``); those of threads that have ended are not in it.
    """
    try:
        parts = [(task / "schedstat").read_text(encoding="ascii").split() for task in _TASKS.iterdir()]
        return sum(int(part[1]) for part in parts) / 1e9
    except (OSError, IndexError, ValueError):
        return None


BESIDE = "ran beside other trials"
"""Why a time is not ranked, where another trial of the run was the reason."""


def advice(reasons: Iterable[str], aim: str) -> str:
    """Return what gives times that can be used, where some cannot for these reasons; ``aim``: what they are for.

    >>> advice(["ran beside other trials"], "to rank"), advice(["went on from a checkpoint"], "to rank")
    ("'harness run --jobs 1' gives times to rank.", 'A run on a quiet machine, from start to end, gives times to rank.')
    """
    if any(BESIDE in reason for reason in reasons):
        return f"'harness run --jobs 1' gives times {aim}."
    return f"A run on a quiet machine, from start to end, gives times {aim}."


def contended(*, beside: bool, share: float | None, resumed: bool = False) -> str:
    """Return why a time is not to be ranked, in one line; nothing where nothing shared the machine with it.

    ``resumed``: part of it was measured by an earlier process, of which nobody knows any more what ran beside it.

    >>> contended(beside=True, share=0.123)
    'ran beside other trials; its threads waited for a core for 12% of the time'
    """
    waits = share is not None and share > TOLERATED
    told = ["went on from a checkpoint"] if resumed else []
    told += [BESIDE] if beside else []
    return "; ".join([*told, f"its threads waited for a core for {share:.0%} of the time"] if waits else told)


def busy() -> float | None:
    """Return the seconds for which this machine's cores, all together, have worked for anybody; None where untold."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        user, nice, system, _idle, _waiting, interrupts, soft, stolen = map(int, fields[:8])
        return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError):
        return None


class Waiting:
    """What share of the time since it was made this process's threads waited for a core."""

    def __init__(self) -> None:
        self._waited, self._cpu = waited(), process_time()

    def share(self) -> float | None:
        """Return the seconds waited over the seconds that threads ran or waited; None where nobody tells."""
        now = waited()
        if now is None or self._waited is None:
            return None
        late, ran = max(0.0, now - self._waited), process_time() - self._cpu
        return late / (late + ran) if late + ran > 0 else 0.0
