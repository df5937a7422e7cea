"""This machine's system, processor and Python, which are stored with every row."""

import os
import platform
from functools import cache
from pathlib import Path
from typing import Literal

from harness.errors import printable
from harness.machine.cgroups import cpu_quota

MOST = 4096
"""Processes, or threads of a process: more than any machine has cores."""
Threads = int | Literal["auto"]
"""Threads of every trial, or ``"auto"``: trials share the cores."""
NODE = "HARNESS_NODE"
"""The variable that names this machine in rows, where a cluster runs the trial."""


@cache
def host() -> dict[str, str]:
    """Return this machine's system, processor and Python, and its name on a cluster."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": str(cores()),
        "python": platform.python_version(),
        **({"node": printable(os.environ[NODE])} if os.environ.get(NODE) else {}),
    }


def cores() -> int:
    """Return how many cores this process may use: those that it is bound to, within its container's CPU quota.

    A fractional quota is rounded down, to 1 or more: with one core more, the system would stop every process for part
    of the time, and times would be wrong.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return bound if quota is None else max(1, min(bound, int(quota)))


def anonymous_bytes() -> int | None:
    """Return this process's memory without files that are mapped or shared; None if unknown.

    On Linux that is its resident memory less what others may share, on Windows what it has committed for itself
    alone, and on macOS, which tells neither, all of its resident memory.
    """
    import psutil  # here: what has no use for it starts without it

    try:
        memory = psutil.Process().memory_info()
    except (psutil.Error, OSError):
        return None
    if (shared := getattr(memory, "shared", None)) is not None:
        return int(memory.rss - shared)
    return int(getattr(memory, "private", memory.rss))


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
