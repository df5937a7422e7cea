"""Images and labels from files of one's own: ``.npy``, ``.npz`` or idx, plain or gzipped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.arrays import read_array
from harness.datasets.levels import parse_scale, to_levels
from harness.errors import HarnessError
from harness.interfaces import Labelled
from harness.machine.identity import identity

_KEYS = {"images": ("images", "x"), "labels": ("labels", "y")}


class Files:
    """Labelled images from files; several concatenate, in their order.

    ``images``: arrays (rows, height, width) of whole numbers, taken as levels 0 … 255, or of floats, taken as 0 … 1.
    ``scale``: which values are black and white instead, for all files: ``"0..1"``, ``"0..255"`` or ``[low, high]``.
    ``labels``: arrays (rows,) of whole numbers; their distinct values, ascending, are the classes.
    """

    def __init__(self, *, images: Path | list[Path], labels: Path | list[Path], scale: Any = None) -> None:
        self._files = {"images": _several(images), "labels": _several(labels)}
        self._scale = parse_scale(scale)
        for role, paths in self._files.items():
            if not paths:
                msg = f"{role}: [] names no file"
                raise ValueError(msg)

    def unavailable(self) -> str | None:
        """Return which file is missing, or cannot be one."""
        for role, paths in self._files.items():
            for path in paths:
                try:
                    if not path.is_file():
                        what = "is not a regular file" if path.exists() else "no such file"
                        return f"{role}: {path}: {what}"
                except OSError as error:
                    return f"{role}: {path}: cannot be read: {error.strerror}"
        return None

    def source(self) -> str:
        """Return each file's role and digest."""
        return "\n".join(f"{role} {identity(path)}" for role, paths in self._files.items() for path in paths)

    def load(self) -> Labelled:
        """Read all files.

        Raises:
            HarnessError: a file is damaged, of another format, or does not hold what its role says.
        """
        paths = self._files["images"]
        images, values = to_levels(paths, _images(paths), self._scale)
        labels = np.concatenate([_labels(path) for path in self._files["labels"]])
        if len(images) != len(labels):
            first = {role: paths[0] for role, paths in self._files.items()}
            msg = (
                f"{first['labels']}: {len(labels):,} labels for the {len(images):,} images of {first['images']}: there "
                "must be one label an image"
            )
            raise HarnessError(msg)
        names, classes = np.unique(labels, return_inverse=True)
        if len(names) < 2:
            msg = f"{self._files['labels'][0]}: {len(names)} distinct labels: at least 2 classes are needed"
            raise HarnessError(msg)
        title = f"files, {len(images):,} images, {values}"
        return Labelled(images, classes.astype(np.int64).reshape(-1), tuple(map(str, names.tolist())), "image", title)


def _several(paths: Path | list[Path]) -> Sequence[Path]:
    return [paths] if isinstance(paths, Path) else paths


def _images(paths: Sequence[Path]) -> list[NDArray[Any]]:
    """Return the images of files, of whatever type: numbers (rows, height, width) of one size."""
    parts: list[NDArray[Any]] = []
    for path in paths:
        array = read_array(path, _KEYS["images"])
        if array.ndim != 3:
            msg = f"{path}: images of shape {array.shape}: (rows, height, width) is needed; reshape them before saving"
        elif not array.size:
            msg = f"{path}: holds no images: its shape is {array.shape}"
        elif array.dtype.kind not in "biuf":
            msg = f"{path}: images of type {array.dtype}: whole numbers or floats are needed"
        elif parts and array.shape[1:] != parts[0].shape[1:]:
            msg = f"{path}: images of {array.shape[1:]} pixels, but those of {paths[0]} have {parts[0].shape[1:]}"
        else:
            parts.append(array.view(np.uint8) if array.dtype == np.bool_ else array)
            continue
        raise HarnessError(msg)
    return parts


def _labels(path: Path) -> NDArray[np.int64]:
    """Return the labels (rows,) of a file: whole numbers that are the same in 64 bits.

    Raises:
        HarnessError: they are of another type or shape, or one is not such a number; it names the row.
    """
    array = read_array(path, _KEYS["labels"])
    if array.ndim != 1:
        msg = f"{path}: labels of shape {array.shape}: (rows,) is needed, one whole number an image"
        raise HarnessError(msg)
    if array.dtype.kind not in "iuf":
        hint = ": save them as labels.astype(int)" if array.dtype == np.bool_ else ""
        msg = f"{path}: labels of type {array.dtype}: whole numbers are needed{hint}"
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
