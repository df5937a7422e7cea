"""Makes a run directory, or an archive, that appears complete, or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import HarnessError, as_typed
from harness.machine.claims import claimed, remove_unclaimed
from harness.machine.files import is_temporary, temporary_for
from harness.store.header import unwritable

_CONTENT = "content"


def refuse_existing(target: Path, option: str) -> None:
    """Refuse a target that is there, a broken link too; ``option`` names another one.

    Raises:
        HarnessError: it is there, or cannot be looked at.
    """
    try:
        target.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        msg = f"{as_typed(target)}: cannot be used as a path: {why}. Name another with {option}"
        raise HarnessError(msg) from None
    msg = f"{as_typed(target)}: is there already, and nothing is overwritten. Name a new one with {option}"
    raise HarnessError(msg)


@contextmanager
def arriving(target: Path, option: str) -> Iterator[Path]:
    """Yield a new folder beside ``target``, which takes that name when the block has ended well; else it is removed.

    So is, with the next call, one that a killed process has left for this target.

    Raises:
        HarnessError: ``target`` is there already, or cannot be written.
    """
    with _beside(target, option) as folder:
        with claimed(folder):
            yield folder
        refuse_existing(target, option)
        folder.rename(target)


@contextmanager
def arriving_file(target: Path, option: str) -> Iterator[Path]:
    """Yield where to write a file, which takes the name ``target`` when the block has ended well; as `arriving`.

    It is in a folder, as that can be claimed: nothing else tells a file that is being written from one that a killed
    process has left.

    Raises:
        HarnessError: ``target`` is there already, or cannot be written.
    """
    with _beside(target, option) as folder, claimed(folder):
        yield folder / _CONTENT
        refuse_existing(target, option)
        (folder / _CONTENT).rename(target)


@contextmanager
def _beside(target: Path, option: str) -> Iterator[Path]:
    """Yield a new folder beside a target, without those that killed processes have left; in the end it is removed."""
    refuse_existing(target, option)
    with suppress(OSError):
        remove_unclaimed(path for path in target.parent.iterdir() if is_temporary(path.name, of=target.name))
    temporary = temporary_for(target)
    try:
        temporary.mkdir(parents=True)
        yield temporary
    except OSError as error:
        raise unwritable(target, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
