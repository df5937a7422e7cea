"""Images and vectors of array files: their types and shapes, and which go together."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.arrays import read_array
from harness.errors import HarnessError

_MOST_CHANNELS = 4
_MOST_AXES = 7


def read_features(path: Path, role: str) -> NDArray[Any]:
    """Return a file's images (rows, height, width[, channels]) or vectors (rows, …): numbers of whatever type.

    Raises:
        HarnessError: they are of another shape, there are none, or they are no numbers.
    """
    array = read_array(path, (role, "x"))
    if role == "images":
        _check_axes(path, array)
    elif not 2 <= array.ndim <= _MOST_AXES:
        msg = f"{path}: vectors of shape {array.shape}: (rows, features) is needed, or more axes"
        raise HarnessError(msg)
    if not array.size:
        msg = f"{path}: holds no {role}: its shape is {array.shape}"
    elif array.dtype.kind not in "biuf":
        msg = f"{path}: {role} of type {array.dtype}: whole numbers or floats are needed"
    else:
        return array.view(np.uint8) if array.dtype == np.bool_ else array
    raise HarnessError(msg)


def _check_axes(path: Path, array: NDArray[Any]) -> None:
    needed = "(rows, height, width) or (rows, height, width, channels) is needed"
    if array.ndim not in {3, 4}:
        msg = f"{path}: images of shape {array.shape}: {needed}; reshape them before saving"
        raise HarnessError(msg)
    if array.ndim == 4 and array.shape[3] > _MOST_CHANNELS:
        first = array.shape[1] <= _MOST_CHANNELS
        fix = "images.transpose(0, 2, 3, 1) before saving" if first else "an image has 1 to 4 channels"
        msg = f"{path}: images of shape {array.shape}: {needed}, channels last: {fix}"
        raise HarnessError(msg)


def check_alike(paths: Sequence[Path], parts: Sequence[NDArray[Any]], role: str) -> None:
    """Refuse rows of another shape than the first file's.

    Raises:
        HarnessError: a file has other rows; it names both.
    """
    for path, part in zip(paths, parts, strict=True):
        if part.shape[1:] != parts[0].shape[1:]:
            unit = "pixels" if role == "images" else "values"
            msg = f"{path}: {role} of {part.shape[1:]} {unit}, but those of {paths[0]} have {parts[0].shape[1:]}"
            raise HarnessError(msg)


def check_count(
    paths: Sequence[Path], parts: Sequence[NDArray[Any]], of_labels: Sequence[Path], labels: NDArray[Any], role: str
) -> None:
    """Refuse more or fewer labels than rows.

    Raises:
        HarnessError: they are not as many.
    """
    rows = sum(map(len, parts))
    if rows != len(labels):
        msg = (
            f"{of_labels[0]}: {len(labels):,} labels for the {rows:,} {role} of {paths[0]}: there must be one label "
            f"{'an image' if role == 'images' else 'a vector'}"
        )
        raise HarnessError(msg)


def as_vectors(paths: Sequence[Path], parts: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Return the vectors of some files as one float32 array.

    Raises:
        HarnessError: a value is not finite, or too large for float32; it names the file, the row and the value.
    """
    vectors = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=np.float32)
    start = 0
    for path, part in zip(paths, parts, strict=True):
        target = vectors[start : start + len(part)]
        with np.errstate(over="ignore"):
            target[...] = part
        finite = np.isfinite(target.reshape(len(part), prod(part.shape[1:]))).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            value = part[row][~np.isfinite(target[row])][0]
            why = "too large for float32" if np.isfinite(value) else "every value must be a finite number"
            msg = f"{path}: vectors[{row}] holds the value {value}: {why}"
            raise HarnessError(msg)
        start += len(part)
    return vectors
