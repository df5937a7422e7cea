"""Room on disks: whether an error says that one is full, which one, and how much there is."""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path

_NEXT_TO_NOTHING = 1 << 20
"""Bytes: a disk that has fewer is full."""


def is_full(error: BaseException) -> bool:
    """Say whether an error is that a disk is full, or a user's share of it."""
    return isinstance(error, OSError) and error.errno in {ENOSPC, EDQUOT}


def free_bytes(folder: Path) -> int:
    """Return how many bytes can be written to the disk of a folder, which need not be there yet.

    A user's share may have fewer.

    Raises:
        OSError: nothing on the way to the folder can be looked at.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    return shutil.disk_usage(there).free


def no_space(error: BaseException, folders: Iterable[Path] = ()) -> str | None:
    """Return, in a line, the folder in which an error found a disk full; None for any other error.

    An error of a write does not say where that was: then it is that of ``folders``, where something is usually written,
    whose disk has the least room. None if each of them has some.
    """
    if not is_full(error):
        return None
    named = getattr(error, "filename", None)
    if isinstance(named, str | os.PathLike):
        return _said(Path(named).parent)
    free: dict[Path, int] = {}
    for folder in folders:
        with suppress(OSError):
            free[folder] = free_bytes(folder)
    fullest = min(free, key=free.__getitem__, default=None)
    return _said(fullest) if fullest and free[fullest] < _NEXT_TO_NOTHING else None


def _said(folder: Path) -> str:
    return f"no space left on the disk of {folder}"
