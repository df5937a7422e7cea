"""``classes.npz`` of a run: the size and an image of each class of its dataset, so that a report needs no dataset."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.store.header import unwritable
from harness.store.run import Run
from harness.store.sealed import read_sealed, write_sealed

NAME = "classes.npz"
_SETS = 3


def write_classes(run: Run, record: Mapping[str, NDArray[Any]]) -> None:
    """Write the `harness.trial.gallery.class_record` of a run.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    try:
        write_sealed(run.directory / NAME, record, owner(run))
    except OSError as error:
        raise unwritable(run.directory, error) from None


def read_classes(run: Run) -> dict[str, NDArray[Any]] | None:
    """Return it; None where it is not there (an earlier version made the run), damaged, or of other data or split."""
    record = read_sealed(run.directory / NAME, owner(run))
    return record if record is not None and _fits(run, record) else None


def _fits(run: Run, record: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether a record is as `harness.trial.gallery.class_record` makes it, of as many classes as the run."""
    counts, glyphs = record.get("counts"), record.get("glyphs")
    classes = len(run.dataset.class_names)
    if counts is None or not np.issubdtype(counts.dtype, np.integer) or counts.shape != (_SETS, classes):
        return False
    if run.dataset.kind == "vector":
        return all(name in record and record[name].shape == run.dataset.shape for name in ("mean", "deviation"))
    return glyphs is not None and glyphs.dtype == np.uint8 and glyphs.ndim in {3, 4} and len(glyphs) == classes


def owner(run: Run) -> str:
    """Return what a record belongs to: the dataset's content, and how it is split."""
    return f"{run.dataset.digest} {run.dataset.split}"
