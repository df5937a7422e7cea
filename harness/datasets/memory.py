"""How much memory an array may take here."""

import os
from pathlib import Path

_UNKNOWN = 1 << 36


def available_bytes() -> int:
    """Return how much memory this process may still take, by the machine and by the limit of its container.

    Where the system does not say what is available, the machine's whole memory counts.
    """
    return min((size for size in (_machine(), _container()) if size is not None), default=_UNKNOWN)


def _machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
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
