"""This machine's system, processor and Python, which are stored with every row."""

import os
import platform
from functools import cache
from pathlib import Path

from harness.errors import printable
from harness.machine.cgroups import cpu_quota

MOST = 4096
"""Processes, or threads of a process: more than any machine has cores."""
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
    """Return this process's anonymous memory, which is its memory without mapped files; None if unknown."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("RssAnon:")), None)
    return int(line.split()[1]) * 1024 if line else None


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
