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
    """Yield the folder and the row of each superseded version of a trial; those that cannot be read are skipped."""
    shelf = run.shelf(experiment, seed)
    for place in sorted(shelf.iterdir()) if shelf.is_dir() else ():
        stored = read_stored(place, experiment, seed)
        if isinstance(stored, Stored):
            yield place, stored


def put_aside(run: Run, row: TrialRow) -> None:
    """Move a trial from its place to the shelf; one that was never trained is removed.

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
    """Move a trial from the shelf to its place; files that are there without a row are removed.

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
