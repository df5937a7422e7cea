"""Where results came from: what can change a bit or a second, and is recorded with every row."""

import os
import platform
from functools import cache
from pathlib import Path

from harness.machine.cgroups import cpu_quota


@cache
def host() -> dict[str, str]:
    """Return this machine's system, processor and Python."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": str(cores()),
        "python": platform.python_version(),
    }


def cores() -> int:
    """Return how many cores this process may use: those that it is bound to, within its container's CPU quota.

    A quota that is no whole number is rounded down, at least to 1: on a core more, every process would be stopped for
    part of the time, and its seconds would be measured wrong.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return bound if quota is None else max(1, min(bound, int(quota)))


def anonymous_bytes() -> int | None:
    """Return this process's anonymous memory: what it holds besides mapped files; None where nobody tells."""
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
