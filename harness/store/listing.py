"""The runs in a folder: what state each is in, since when, and how much room it takes."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.errors import HarnessError
from harness.machine.files import is_temporary
from harness.store.ensembles import ensemble_rows
from harness.store.header import NAME, SEVERAL
from harness.store.lost import lost_of
from harness.store.opening import LOCK, lockable
from harness.store.run import Run
from harness.text import counted


@dataclass(frozen=True)
class Listed:
    """A run, seen from outside. ``changed`` is in seconds since 1970, ``size`` in bytes."""

    directory: Path
    suite: str
    state: str
    changed: float
    size: int


def listed(folder: Path) -> Iterator[Listed]:
    """Yield the runs right below a folder, and the folder itself if it is one, by name.

    Of a folder with runs of several datasets, each is one.
    """
    several = [*folder.glob(SEVERAL), *folder.glob(f"*/{SEVERAL}")]
    within = [header for place in several for header in place.parent.glob(f"*/{NAME}")]
    for header in sorted({*folder.glob(NAME), *folder.glob(f"*/{NAME}"), *within}):
        directory = header.parent
        if any(map(is_temporary, directory.relative_to(folder).parts)):  # it is being imported or merged
            continue
        stats = list(_stats(directory))
        suite, state = state_of(directory)
        yield Listed(
            directory,
            suite,
            state,
            max((stat.st_mtime for stat in stats), default=0.0),
            sum(stat.st_size for stat in stats),
        )


def _stats(directory: Path) -> Iterator[os.stat_result]:
    """Yield what the system says of each file; a run in progress makes and removes files and folders meanwhile."""
    for folder, _, names in os.walk(directory):  # not `rglob`, which raises where a folder has gone
        for path in (Path(folder, name) for name in names):
            with suppress(OSError):
                if path.is_file():
                    yield path.stat()


def state_of(directory: Path) -> tuple[str, str]:
    """Return the suite's name, and how many trials have which status, and whether more are on their way."""
    name = ""
    try:
        run = Run.open(directory)
        name = run.suite.suite.name
        rows = list(run.rows(derive=False))
        together = ensemble_rows(run, rows, derive=False)
    except HarnessError as error:
        return name, f"unreadable: {str(error).removeprefix(str(directory)).lstrip('/: ')}"
    answered = sum(row.status == "done" for row in together)
    statuses = Counter(row.status for row in rows)
    done = statuses.pop("done", 0)
    counts = [f"{done} of {len(run.planned)} done", *(f"{count} {status}" for status, count in statuses.items())]
    counts += [f"{answered} of {counted(len(together), 'ensemble')} tested"] if together else []
    cells = sum(test.cells for test in lost_of(run, rows, together))
    counts += [f"{counted(cells, 'cell')} lost"] if cells else []
    complete = done == len(run.planned) and answered == len(together) and not cells
    state = "running" if held(directory) else "complete" if complete else "incomplete"
    return name, f"{state}: {', '.join(counts)}"


def held(directory: Path) -> bool:
    """Return whether a driver holds the run's lock now."""
    place = directory / LOCK
    try:
        if not place.exists() or not lockable(directory):
            return False
        with FileLock(place, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # it can only be read: no driver is known to write there
        return False
