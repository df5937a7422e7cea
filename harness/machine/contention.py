"""Whether this process had the cores that it wanted."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic, process_time, sleep

from harness.text import command

TOLERATED = 0.05
"""The share of time that threads may wait for a core before a time counts as disturbed."""

_WAITED = "its threads waited for a core"
_WORKING = ("user", "nice", "system", "irq", "softirq", "steal", "interrupt", "dpc")
"""What a core does when it works, as systems name it; a guest's time is in the user's."""
_TASKS = Path("/proc/self/task")


def waited() -> float | None:
    """Return the seconds that this process's threads were ready to run without a core, summed; None where unknown.

    Linux counts them for each thread (``schedstat``); those of threads that have ended are not in it.
    """
    try:
        parts = [(task / "schedstat").read_text(encoding="ascii").split() for task in _TASKS.iterdir()]
        return sum(int(part[1]) for part in parts) / 1e9
    except (OSError, IndexError, ValueError):
        return None


BESIDE = "ran beside other trials"
"""Why a time is not ranked, where another trial of the run was the reason."""
RESUMED = "went on from a checkpoint"
"""Why it is not, where an earlier process measured a part of it."""


def advice(reasons: Iterable[str], aim: str, words: Sequence[str] = ("SUITE",)) -> str:
    """Return what gives times that can be used, where some cannot for these reasons.

    ``aim``: what they are for. ``words``: the suite and the options that make the same run, where they are known.

    Of threads that waited beside no other trial, another program had the cores, and a ``--jobs 1`` would change
    nothing. A finished run keeps its times, so it takes a new one, from start to end.

    >>> advice(["ran beside other trials"], "to rank")
    "'harness run SUITE --fresh --jobs 1' gives times to rank."
    >>> advice(["its threads waited for a core for 9% of the time"], "to rank")
    'Another program used the cores: a run while none does gives times to rank.'
    >>> advice(["ran beside other trials", "went on from a checkpoint"], "to rank")
    "'harness run SUITE --fresh --jobs 1' gives times to rank."
    """
    reasons = list(reasons)
    beside = any(BESIDE in reason for reason in reasons)
    other = any(disturbed(reason) and BESIDE not in reason for reason in reasons)
    resumed = any(RESUMED in reason for reason in reasons)
    alone = f"'{command('harness', 'run', *words)} --fresh --jobs 1'"
    run = alone if beside else "a run from start to end" if resumed else "a run"
    if other:
        run = f"Another program used the cores{', too' if beside else ''}: {run} while none does"
    elif not beside:
        run = "A run from start to end" if resumed else "A run on a quiet machine"
    return f"{run} gives times {aim}."


def contended(*, beside: bool, share: float | None, resumed: bool = False) -> str:
    """Return why a time is not to be ranked, in one line; nothing where nothing shared the machine with it.

    ``resumed``: part of it was measured by an earlier process, and what ran beside that is not known.

    >>> contended(beside=True, share=0.123)
    'ran beside other trials; its threads waited for a core for 12% of the time'
    """
    waits = share is not None and share > TOLERATED
    causes = [RESUMED] if resumed else []
    causes += [BESIDE] if beside else []
    return "; ".join([*causes, f"{_WAITED} for {share:.0%} of the time"] if waits else causes)


def disturbed(reason: str) -> bool:
    """Return whether, by what `contended` returned, threads waited for a core."""
    return _WAITED in reason


def busy() -> float | None:
    """Return the seconds for which this machine's cores, all together, have worked; None where that is unknown."""
    import psutil  # here: what has no use for it starts without it

    try:
        times = psutil.cpu_times()
    except (psutil.Error, OSError, RuntimeError):
        return None
    return float(sum(getattr(times, name, 0.0) for name in _WORKING))


def idle_cores(seconds: float = 0.25) -> float | None:
    """Return how many of this machine's cores do nothing while this process waits for a while; None where unknown."""
    before, started = busy(), monotonic()
    sleep(seconds)
    after, ended = busy(), monotonic()
    if before is None or after is None:
        return None
    return max(0.0, (os.cpu_count() or 1) - (after - before) / (ended - started))


class Waiting:
    """What share of the time since it was made this process's threads waited for a core."""

    def __init__(self) -> None:
        self._waited, self._cpu = waited(), process_time()

    def share(self) -> float | None:
        """Return the seconds waited over the seconds that threads ran or waited; None where that is unknown."""
        now = waited()
        if now is None or self._waited is None:
            return None
        late, ran = max(0.0, now - self._waited), process_time() - self._cpu
        return late / (late + ran) if late + ran > 0 else 0.0
