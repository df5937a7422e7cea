"""How much memory an array may take here."""

from pathlib import Path

_UNKNOWN = 1 << 36


def available_bytes() -> int:
    """Return how much memory this process may still take, by the machine and by the limit of its container."""
    return min((size for size in (_machine(), _container()) if size is not None), default=_UNKNOWN)


def _machine() -> int | None:
    import psutil  # here: what has no use for it starts without it

    try:
        return int(psutil.virtual_memory().available)
    except (psutil.Error, OSError, RuntimeError, ValueError):
        return None


def _container() -> int | None:
    """Return what is left of the limit of a control group, version 2; None where there is none.

    What the group holds of files can be given back, and so does not count.
    """
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        facts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return limit - int(facts["anon"])
    except (OSError, ValueError, KeyError):  # "max": no limit
        return None
