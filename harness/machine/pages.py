"""The pages of memory of the processes that train."""

import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.machine.kernels import TUNING_OFF

VARIABLE = "GLIBC_TUNABLES"
"""The variable from which glibc takes its settings when a process starts: ``name=value``, with colons between."""
_SETTING = "glibc.malloc.hugetlb"
_FIRST_GLIBC = (2, 35)
"""The first version that has the setting."""
_MODES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
"""``always [madvise] never``: whether Linux gives huge pages to all, to those that ask, or to none."""
_STATUS = Path("/proc/self/status")
"""Has ``THP_enabled: 0`` where they are turned off for this process (``PR_SET_THP_DISABLE``)."""


def with_huge_pages(variables: Mapping[str, str]) -> dict[str, str]:
    """Return a process's variables, with which glibc asks Linux for huge pages for what the process allocates.

    A training step goes through tens of megabytes: thousands of pages of 4 KiB, more than a processor knows the places
    of. With pages of 2 MiB it looks up few of them. The bits of results are the same. Other settings of glibc stay; one
    of pages, or `TUNING_OFF`, leaves all as it is. glibc before 2.35, other C libraries and other systems ignore it;
    Linux does where its ``transparent_hugepage/enabled`` is "never".
    """
    own = variables.get(VARIABLE, "")
    if variables.get(TUNING_OFF) or _setting(own):
        return dict(variables)
    # First, as a user's settings stay as they are: glibc from 2.39 on ignores what follows a mistake.
    return {**variables, VARIABLE: f"{_SETTING}=1:{own}" if own else f"{_SETTING}=1"}


def huge_pages(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return whether a process with these variables gets huge pages for what it allocates, as rows' environments do.

    ``"yes"`` or ``"no"``; ``"glibc.malloc.hugetlb=2"`` where a user has chosen reserved ones, which may not be there.
    Nothing where it is unknown: on other systems, or where Linux does not show it. NumPy asks for huge pages for arrays
    of 4 MiB and more by itself, whatever this says.
    """
    if sys.platform != "linux":
        return {}
    try:
        modes = _MODES.read_text(encoding="utf-8")
    except OSError:
        return {}
    value = _setting(variables.get(VARIABLE, "")) if _has_setting() else ""
    if value not in {"", "0", "1"}:
        return {"huge_pages": f"{_SETTING}={value}"}
    given = not _turned_off() and ("[always]" in modes or ("[madvise]" in modes and value == "1"))
    return {"huge_pages": "yes" if given else "no"}


def _setting(tunables: str) -> str:
    """Return the setting of pages among glibc's; of several the last counts. Empty if there is none."""
    pairs = (text.partition("=") for text in tunables.split(":"))
    return next((value for name, _, value in reversed(list(pairs)) if name == _SETTING), "")


def _has_setting() -> bool:
    """Return whether this process's C library is a glibc that knows the setting."""
    with suppress(ValueError, OSError, AttributeError):  # another C library, or another system
        version = re.fullmatch(r"glibc (\d+)\.(\d+).*", os.confstr("CS_GNU_LIBC_VERSION") or "")
        return version is not None and (int(version[1]), int(version[2])) >= _FIRST_GLIBC
    return False


def _turned_off() -> bool:
    with suppress(OSError):
        return re.search(r"^THP_enabled:\s*0$", _STATUS.read_text(encoding="utf-8"), re.MULTILINE) is not None
    return False
