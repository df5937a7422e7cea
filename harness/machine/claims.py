"""Folders for a while, which no killed process leaves for good: claimed while in use, and else removed by the next."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

_CLAIM = ".lock"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Claim a folder within the block; the system lets go of it when this process ends, however it ends."""
    lock = FileLock(folder / _CLAIM)
    try:
        with suppress(OSError, NotImplementedError):  # a file system without locks
            lock.acquire()
        yield
    finally:
        lock.release()
        with suppress(OSError):
            (folder / _CLAIM).unlink(missing_ok=True)


def remove_unclaimed(folders: Iterable[Path]) -> None:
    """Remove those of some folders that were claimed, and are not any more; others, and other users', stay."""
    for folder in list(folders):
        with suppress(OSError):  # a claim that holds, too: Timeout is one
            if _claimable(folder):
                with FileLock(folder / _CLAIM, timeout=0):
                    pass
                shutil.rmtree(folder, ignore_errors=True)


def _claimable(folder: Path) -> bool:
    """Return whether a folder is this user's, and has a claim that is a file: a link's target would be emptied."""
    mine = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
    claim = folder / _CLAIM
    return mine and not folder.is_symlink() and claim.is_file() and not claim.is_symlink()
