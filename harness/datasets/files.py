"""Images and labels from files of one's own: ``.npy``, ``.npz`` or idx, plain or gzipped."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.idx import is_idx, parse_idx
from harness.errors import HarnessError
from harness.identity import identity
from harness.interfaces import LabelledImages

_KEYS = {"images": ("images", "x"), "labels": ("labels", "y")}


class Files:
    """Labelled images from files; several concatenate, in their order.

    ``images``: arrays (rows, height, width). uint8 and other integers are taken as they are and must lie in [0, 255];
    floats must lie in [0, 255] too, and are scaled by 255 first if none of any file is above 1, then rounded.
    ``labels``: arrays (rows,) of whole numbers; their distinct values, ascending, are the classes.
    """

    def __init__(self, *, images: Path | list[Path], labels: Path | list[Path]) -> None:
        self._files = {"images": _several(images), "labels": _several(labels)}
        for role, paths in self._files.items():
            if not paths:
                msg = f"{role}: [] names no file"
                raise ValueError(msg)

    def unavailable(self) -> str | None:
        """Return which file is missing."""
        for role, paths in self._files.items():
            for path in paths:
                if not path.is_file():
                    return f"{role}: {path}: there is no such file"
        return None

    def source(self) -> str:
        """Return each file's role and digest."""
        return "\n".join(f"{role} {identity(path)}" for role, paths in self._files.items() for path in paths)

    def load(self) -> LabelledImages:
        """Read all files.

        Raises:
            HarnessError: a file is damaged, of another format, or does not hold what its role says.
        """
        images = _concatenate(self._files["images"], _levels([_images(path) for path in self._files["images"]]))
        labels = _concatenate(self._files["labels"], [_labels(path) for path in self._files["labels"]])
        if len(images) != len(labels):
            first = {role: paths[0] for role, paths in self._files.items()}
            msg = (
                f"{first['labels']}: {len(labels):,} labels for the {len(images):,} images of {first['images']}: there "
                "must be one label an image"
            )
            raise HarnessError(msg)
        values, classes = np.unique(labels, return_inverse=True)
        if len(values) < 2:
            msg = f"{self._files['labels'][0]}: {len(values)} distinct labels: at least 2 classes are needed"
            raise HarnessError(msg)
        return LabelledImages(images, classes.astype(np.int64).reshape(-1), tuple(str(value) for value in values))


def _several(paths: Path | list[Path]) -> Sequence[Path]:
    return [paths] if isinstance(paths, Path) else paths


def _concatenate(paths: Sequence[Path], parts: list[NDArray[Any]]) -> NDArray[Any]:
    first = parts[0]
    for path, other in zip(paths, parts, strict=True):
        if other.shape[1:] != first.shape[1:]:
            msg = f"{path}: images of {other.shape[1:]} pixels, but those of {paths[0]} have {first.shape[1:]}"
            raise HarnessError(msg)
    return first if len(parts) == 1 else np.concatenate(parts)


def _images(path: Path) -> NDArray[Any]:
    """Return the images of a file, of whatever type: numbers in [0, 255]."""
    array = _read(path, "images")
    if array.ndim != 3:
        msg = f"{path}: images of shape {array.shape}: (rows, height, width) is needed; reshape them before saving"
        raise HarnessError(msg)
    if not array.size:
        msg = f"{path}: holds no images: its shape is {array.shape}"
        raise HarnessError(msg)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iuf":
        msg = f"{path}: images of type {array.dtype}: whole numbers or floats in [0, 255] are needed"
        raise HarnessError(msg)
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):  # a NaN fails this too
        value = low if not low >= 0 else high
        msg = f"{path}: images hold the value {value}, outside [0, 255]; scale them before saving"
        raise HarnessError(msg)
    return array


def _levels(parts: list[NDArray[Any]]) -> list[NDArray[np.uint8]]:
    """Return images as uint8: whether floats are fractions or levels, those of all files tell together."""
    fractions = all(part.max() <= 1.0 for part in parts if part.dtype.kind == "f")
    scale = 255.0 if fractions else 1.0
    rounded = (np.rint(part * scale) if part.dtype.kind == "f" else part for part in parts)
    return [part.astype(np.uint8, copy=False) for part in rounded]


def _labels(path: Path) -> NDArray[np.int64]:
    array = _read(path, "labels")
    if array.ndim != 1:
        msg = f"{path}: labels of shape {array.shape}: (rows,) is needed, one whole number an image"
        raise HarnessError(msg)
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and np.isfinite(array).all() and (array % 1 == 0).all()
    )
    if not whole:
        msg = f"{path}: labels of type {array.dtype} that are not whole numbers"
        raise HarnessError(msg)
    return array.astype(np.int64)


def _read(path: Path, role: str) -> NDArray[Any]:
    """Return the array of a file, whatever of the known formats it is in: the content tells, not the name."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except FileNotFoundError:
        msg = f"{path}: there is no such file"
        raise HarnessError(msg) from None
    except (OSError, EOFError, zlib.error) as error:
        msg = f"{path}: cannot be read: {error}. Is it whole?"
        raise HarnessError(msg) from None
    try:
        if content[:6] == b"\x93NUMPY":
            return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
        if content[:2] == b"PK":
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return np.asarray(archive[_member(archive.files, path, role)])
    except HarnessError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        msg = f"{path}: damaged: {_what(error)}"
        raise HarnessError(msg) from None
    except Exception as error:
        # What else NumPy and zipfile come upon: RuntimeError of a password, NotImplementedError of a compression,
        # MemoryError of a header that announces too much, …
        msg = f"{path}: cannot be read: {_what(error)}"
        raise HarnessError(msg) from error
    if is_idx(content):
        return parse_idx(content, path)
    msg = f"{path}: begins with {content[:4].hex(' ') or 'nothing'}: neither .npy, .npz nor idx, plain or gzipped"
    raise HarnessError(msg)


def _what(error: Exception) -> str:
    """Return what NumPy or zipfile say, in one line; an EOFError says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def _member(names: list[str], path: Path, role: str) -> str:
    wanted = [name for name in _KEYS[role] if name in names]
    if wanted or len(names) == 1:
        return (wanted or names)[0]
    msg = f"{path}: holds {', '.join(names) or 'nothing'}: name the array {' or '.join(map(repr, _KEYS[role]))}"
    raise HarnessError(msg)
