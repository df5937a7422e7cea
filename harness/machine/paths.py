"""Looks up paths; one that the system does not accept is an error that names it."""

import os
import stat
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from harness.errors import HarnessError, as_typed, shown

_BESIDE = 1000
"""The most names of a folder among which a near one is looked for."""


def status_of(path: Path) -> os.stat_result | None:
    """Return the status of the file or folder at a path; None if there is nothing.

    Raises:
        HarnessError: the path is too long, its links form a loop, or a folder may not be read.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None


def is_folder(path: Path) -> bool:
    """Return whether a path leads to a folder.

    Raises:
        HarnessError: as `status_of` does.
    """
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def no_such_file(path: Path) -> str:
    """Return that there is no file at a path, and the name beside it that is nearest, where one is near."""
    with suppress(OSError):
        beside = [other.name for other in islice(path.parent.iterdir(), _BESIDE)]
        if close := get_close_matches(path.name[:200], beside, n=1):
            return f"no such file. Did you mean {shown(close[0])}?"
    return "no such file"


def absolute(path: Path, folder: Path | None = None) -> Path:
    """Return a path without links, ``~`` or ``..``; a relative one is of ``folder``, by default the current one.

    A loop of links stays as it is; opening the path reports it.

    Raises:
        HarnessError: it has a character that a path cannot have.
    """
    expanded = os.path.expanduser(path)  # pathlib's raises where there is no such user, or no home  # noqa: PTH111
    try:
        # pathlib's raises RuntimeError of a loop, up to Python 3.12.
        return Path(os.path.realpath((folder or Path()) / expanded))
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError | ValueError) -> HarnessError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return HarnessError(f"{as_typed(path)}: cannot be used as a path: {why}. Name another")
