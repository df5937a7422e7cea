"""``classes.npz`` of a run: what is worth seeing of its dataset's classes, so that a report needs no dataset."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.machine.files import read_arrays, write_arrays
from harness.store.header import unwritable
from harness.store.run import Run

_NAME = "classes.npz"
_SETS = 3


def write_classes(run: Run, record: Mapping[str, NDArray[Any]]) -> None:
    """Write `harness.trial.gallery.class_record`, with a digest of it and of what it belongs to.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    content = {**record, "owner": np.array(_owner(run))}
    try:
        write_arrays(run.directory / _NAME, {**content, "digest": np.array(_digest(content))}, durable=False)
    except OSError as error:
        raise unwritable(run.directory, error) from None


def read_classes(run: Run) -> dict[str, NDArray[Any]] | None:
    """Return it; None where it is not there (an earlier version made the run), damaged, or of other data or split.

    One that an earlier version wrote has no digest: the archive's own check sums have to do.
    """
    try:
        record = read_arrays(run.directory / _NAME)
    except (OSError, ValueError):
        return None
    digest = record.pop("digest", None)
    if digest is not None and str(digest) != _digest(record):
        return None
    return record if str(record.pop("owner", "")) == _owner(run) and _fits(run, record) else None


def _fits(run: Run, record: Mapping[str, NDArray[Any]]) -> bool:
    """Say whether a record has what `harness.trial.gallery.class_record` returns, of as many classes as the run has."""
    counts, glyphs = record.get("counts"), record.get("glyphs")
    classes = len(run.dataset.class_names)
    if counts is None or glyphs is None:
        return False
    numbers = np.issubdtype(counts.dtype, np.integer) and glyphs.dtype == np.uint8
    return numbers and counts.shape == (_SETS, classes) and glyphs.ndim == 3 and len(glyphs) == classes


def _digest(content: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays: names, dtypes, shapes and values."""
    hasher = sha256()
    for name in sorted(content):
        array = np.ascontiguousarray(content[name])
        hasher.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        hasher.update(array.tobytes())
    return hasher.hexdigest()


def _owner(run: Run) -> str:
    """Return what a record belongs to: the dataset's content, and how it is split."""
    return f"{run.dataset.digest} {run.dataset.split}"
