"""``classes.npz`` of a run: what is worth seeing of its dataset's classes, so that a report needs no dataset."""

from collections.abc import Mapping
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from harness.files import write_arrays
from harness.store.run import Run, unwritable

_NAME = "classes.npz"


def write_classes(run: Run, record: Mapping[str, NDArray[Any]]) -> None:
    """Write `harness.exemplars.class_record`.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    try:
        write_arrays(run.directory / _NAME, {**record, "owner": np.array(_owner(run))}, durable=False)
    except OSError as error:
        raise unwritable(run.directory, error) from None


def read_classes(run: Run) -> dict[str, NDArray[Any]] | None:
    """Return it; None where it is not there (an earlier version made the run), damaged, or of other data or split."""
    try:
        with np.load(run.directory / _NAME, allow_pickle=False) as archive:
            record = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
    return record if str(record.pop("owner", "")) == _owner(run) else None


def _owner(run: Run) -> str:
    """Return what a record belongs to: the dataset's content, and how it is split."""
    return f"{run.dataset.digest} {run.dataset.split}"
