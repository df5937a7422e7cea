"""Making a run directory, or taking up the one that is there: nothing of another suite is ever overwritten."""

import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import HarnessError
from harness.machine.paths import status_of
from harness.store.debris import strangers
from harness.store.header import NAME, SEVERAL, unwritable
from harness.store.run import Run

LOCK = ".lock"
_PATIENCE_SECONDS = 0.5
"""A command that looks whether a run is at work holds its lock for a moment."""


def lockable(directory: Path) -> bool:
    """Return whether a directory's lock is a regular file or missing: to open a link would empty its target."""
    try:
        return stat.S_ISREG((directory / LOCK).lstat().st_mode)
    except FileNotFoundError:
        return True


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory for this driver; the system lets go of it when the process ends, however it ends.

    Raises:
        HarnessError: another driver holds it, or it cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not lockable(directory):
            msg = f"{directory / LOCK}: is not a regular file. Remove it, or name another directory with --out"
            raise HarnessError(msg)
        lock = FileLock(directory / LOCK, timeout=_PATIENCE_SECONDS)
        lock.acquire()
    except Timeout:
        msg = f"{directory}: another harness is running here. Wait for it, or name another directory with --out"
        raise HarnessError(msg) from None
    except OSError as error:
        raise unwritable(directory, error) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def at_rest(directories: Iterable[Path], verb: str) -> Iterator[Callable[[], None]]:
    """Hold runs that are read within the block, so that no driver writes there; ``verb``: what they are read for.

    Nothing is made in them: for those without a lock, which were imported or merged, the function that is yielded
    verifies that no driver has come meanwhile.

    Raises:
        HarnessError: a driver is at work at one of them; the function, too.
    """
    unlocked = []
    with ExitStack() as stack:
        for directory in {directory.resolve(): directory for directory in directories}.values():
            if not _has_lock(directory):
                unlocked.append(directory)
                continue
            try:
                stack.enter_context(FileLock(directory / LOCK, timeout=_PATIENCE_SECONDS))
            except Timeout:
                raise _at_work(directory, verb) from None
            except (OSError, NotImplementedError):  # it can only be read, or its file system has no locks
                continue

        def check() -> None:
            if busy := next(filter(_has_lock, unlocked), None):
                raise _at_work(busy, verb)

        yield check


def _has_lock(directory: Path) -> bool:
    try:
        return stat.S_ISREG((directory / LOCK).lstat().st_mode)
    except OSError:
        return False


def _at_work(directory: Path, verb: str) -> HarnessError:
    return HarnessError(f"{directory}: harness is at work on this run. {verb} it when that has ended")


def set_aside(directory: Path) -> Path | None:
    """Move a run that is there, or runs of several datasets, to a name with the present time, and return that.

    None if there is none.

    Raises:
        HarnessError: another driver is at work there, or it cannot be renamed.
    """
    if not any(status_of(directory / name) for name in (NAME, SEVERAL)):
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    aside = directory.with_name(f"{directory.name}.{stamp}")
    with locked(directory):  # a driver at work would go on writing to what bears the name then
        try:
            directory.rename(aside)
        except OSError as error:
            raise unwritable(directory.parent, error) from None
    return aside


def take_up(run: Run) -> Run:
    """Return ``run`` with the trials that earlier commands planned in its directory, if it holds the same suite.

    It is the same if it has the same name and the same dataset; experiments whose settings changed are trials to run
    again, and those that it has no more are planned no more.

    Raises:
        HarnessError: the directory holds something else.
    """
    if not status_of(run.directory / NAME):
        if status_of(run.directory / SEVERAL):
            msg = (
                f"{run.directory}: holds runs of several datasets, not of one. Name another directory with --out, or "
                "'harness run --fresh' keeps these runs aside"
            )
            raise HarnessError(msg)
        try:
            others = list(strangers(run.directory))
        except OSError as error:
            msg = f"{run.directory}: cannot be looked into: {error.strerror}. Name another directory with --out"
            raise HarnessError(msg) from None
        if others:
            lost = ": its run.json is missing" if "trials" in others else ""
            msg = f"{run.directory}: holds {others[0]!r}, and no run{lost}. Name an empty or new directory with --out"
            raise HarnessError(msg)
        return run
    earlier = Run.open(run.directory)
    for what, before, after in (
        ("suite", earlier.suite.suite.name, run.suite.suite.name),
        ("dataset", earlier.dataset.name, run.dataset.name),
    ):
        if before != after:
            msg = (
                f"{run.directory}: holds a run of {what} {before!r}, not {after!r}. Name another directory with --out, "
                "or 'harness run --fresh' keeps this run aside"
            )
            raise HarnessError(msg)
    known = [key for key in earlier.planned if key[0] in run.suite.experiments]
    planned = {*known, *run.planned}
    seeds = list(dict.fromkeys(seed for _, seed in [*known, *run.planned]))
    ordered = [(name, seed) for name in run.suite.experiments for seed in seeds if (name, seed) in planned]
    return Run(run.directory, run.suite, run.dataset, ordered, earlier.components | run.components)
