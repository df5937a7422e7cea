"""Whether this process had the cores that it wanted."""

from collections.abc import Iterable
from pathlib import Path
from time import process_time

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


def advice(reasons: Iterable[str], aim: str) -> str:
    """Return what gives times that can be used, where some cannot for these reasons; ``aim``: what they are for.

    Each cause has its remedy: of threads that waited beside no other trial, another program had the cores, and a
    ``--jobs 1`` would change nothing. A finished run keeps its times, so it takes a new one.

    >>> advice(["ran beside other trials"], "to rank")
    "'harness run SUITE --fresh --jobs 1' gives times to rank."
    >>> advice(["its threads waited for a core for 9% of the time"], "to rank")
    'Another program used the cores: a run while none does gives times to rank.'
    """
    reasons = list(reasons)
    remedies = []
    if any(BESIDE in reason for reason in reasons):
        remedies.append("'harness run SUITE --fresh --jobs 1'")
    if any(_WAITED in reason and BESIDE not in reason for reason in reasons):
        remedies.append("Another program used the cores: a run while none does")
    if any(RESUMED in reason for reason in reasons):
        remedies.append("A run from start to end")
    return " ".join(f"{remedy} gives times {aim}." for remedy in remedies or ["A run on a quiet machine"])


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


def busy() -> float | None:
    """Return the seconds for which this machine's cores, all together, have worked; None where that is unknown."""
    import psutil  # here: what has no use for it starts without it

    try:
        times = psutil.cpu_times()
    except (psutil.Error, OSError, RuntimeError):
        return None
    return float(sum(getattr(times, name, 0.0) for name in _WORKING))


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
