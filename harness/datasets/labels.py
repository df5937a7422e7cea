"""Labels of files: whole numbers or texts, and the classes that they make."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.arrays import read_array
from harness.errors import HarnessError, nearest, shown
from harness.text import counted


def read_labels(path: Path) -> NDArray[Any]:
    """Return the labels (rows,) of a file: texts, or whole numbers that are the same in 64 bits.

    Raises:
        HarnessError: they are of another type or shape, or one is not such a number; it names the row.
    """
    array = read_array(path, ("labels", "y"))
    if array.ndim != 1:
        msg = f"{path}: labels of shape {array.shape}: (rows,) is needed, one whole number or text a row"
        raise HarnessError(msg)
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as error:
            msg = f"{path}: labels are bytes that are not UTF-8: {error.reason}. Save them as texts"
            raise HarnessError(msg) from None
    if array.dtype.kind == "U":
        return array
    if array.dtype.kind not in "iuf":
        hint = ": save them as labels.astype(int)" if array.dtype == np.bool_ else ""
        msg = f"{path}: labels of type {array.dtype}: whole numbers or texts are needed{hint}"
        raise HarnessError(msg)
    if array.dtype.kind == "f":
        # Beyond 2 to this power a float represents several whole numbers, and two classes may have become one.
        bits = min(np.finfo(array.dtype).nmant + 1, 62)  # a long double has whole numbers beyond 64 bits
        sound = np.isfinite(array) & (np.abs(array) <= 2.0**bits)
        sound[sound] = array[sound] % 1 == 0
        needed = f"a whole number of at most 2^{bits}, as {array.dtype} has them all, is needed"
    else:
        sound = array <= np.iinfo(np.int64).max
        needed = "a whole number below 2^63 is needed"
    if not sound.all():
        row = int(np.argmin(sound))
        msg = f"{path}: labels[{row}] is {array[row]}: {needed}"
        raise HarnessError(msg)
    return array.astype(np.int64)


def joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return labels of several files (rows,); of none an empty array.

    Numbers beside texts are taken as texts.
    """
    if not parts:
        return np.empty(0, dtype=np.int64)
    if len({part.dtype.kind for part in parts}) > 1:
        parts = [part.astype(np.str_) for part in parts]
    return np.concatenate(parts)


def as_classes(
    known: NDArray[Any], test: NDArray[Any], names: Sequence[str] | None, path: Path
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the classes (rows,) of labels and of a given test set behind them, from 0, and the classes' names.

    Distinct values, ascending, are the classes. ``names``: how those of whole numbers are called, or the order of
    those that are texts. ``path``: where the first labels are from.

    Raises:
        HarnessError: there are fewer than two, ``names`` are not as many or other ones, or a test row has another.
    """
    if len(test) and test.dtype.kind != known.dtype.kind:
        known, test = known.astype(np.str_), test.astype(np.str_)
    values = np.unique(known)
    if len(values) < 2:
        only = f", {shown(values[0].item())} in every row" if len(values) else ""
        msg = f"{path}: {counted(len(values), 'distinct label')}{only}: at least 2 classes are needed"
        raise HarnessError(msg)
    strange = np.setdiff1d(test, values)
    if len(strange):
        msg = f"{path}: the test set has the label {shown(strange[0].item())}, which no row outside it has"
        raise HarnessError(msg)
    present = [str(value) for value in values.tolist()]
    classes = np.searchsorted(values, np.concatenate([known, test]) if len(test) else known).astype(np.int64)
    if names is None:
        return classes, tuple(present)
    if len(names) != len(present):
        msg = f"class_names: {counted(len(names), 'name')} for {counted(len(present), 'class')}: {shown(present)}"
        raise HarnessError(msg)
    if known.dtype.kind != "U":
        return classes, tuple(names)
    for name in present:
        if name not in names:
            msg = f"class_names: lacks the class {shown(name)} of {path}. {nearest(name, names)}"
            raise HarnessError(msg)
    order = np.array([list(names).index(name) for name in present], dtype=np.int64)
    return order[classes], tuple(names)
