"""``superseded/`` of a run: trials that mean something else now. Nothing that was trained is lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.machine.files import sync_directory
from harness.rows import TrialRow
from harness.store.header import unwritable
from harness.store.run import Run
from harness.store.stored import Stored, read_stored


def shelved(run: Run, experiment: str, seed: int) -> Iterator[tuple[Path, Stored]]:
    """Yield what was put aside of a trial, and where it is; what cannot be read is passed over."""
    shelf = run.shelf(experiment, seed)
    for place in sorted(shelf.iterdir()) if shelf.is_dir() else ():
        stored = read_stored(place, experiment, seed)
        if isinstance(stored, Stored):
            yield place, stored


def put_aside(run: Run, row: TrialRow) -> None:
    """Put the trial that is in its place on the shelf; one that was never trained is let go.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    place = run.trial_directory(row.experiment, row.seed)
    aside = run.shelf(row.experiment, row.seed) / row.fingerprint[:16]
    try:
        if row.metrics is None:
            shutil.rmtree(place)
            return
        aside.parent.mkdir(parents=True, exist_ok=True)
        if aside.exists():
            shutil.rmtree(aside)
        place.rename(aside)
        _sync(place.parent, aside.parent)
    except OSError as error:
        raise unwritable(run.directory, error) from None


def bring_back(run: Run, row: TrialRow, aside: Path) -> None:
    """Put a trial from the shelf in its place; what is left there of one that has no row is let go.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    place = run.trial_directory(row.experiment, row.seed)
    try:
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(place)
        _sync(place.parent, aside.parent)
    except OSError as error:
        raise unwritable(run.directory, error) from None


def _sync(*folders: Path) -> None:
    """Wait until the disk has where a trial is: what was promised before must not be lost between two places."""
    for folder in folders:
        sync_directory(folder)
