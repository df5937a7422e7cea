"""A folder of images, read by Pillow: each subfolder is a class, each file in it an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, one_line, shown
from harness.machine.files import open_regular
from harness.text import counted

_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}
"""Pillow's modes of 8 bits that are grey or RGB, and the mode in which each is read."""
_CHANNELS = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class Form:
    """To which height and width images are resized, and to which of Pillow's modes converted; None: as they are."""

    size: tuple[int, int] | None = None
    mode: str | None = None

    @classmethod
    def of(cls, size: Sequence[int] | None, channels: int | None) -> Self:
        """Return the form that options name.

        Raises:
            ValueError: they are not what they should be.
        """
        if size is not None and (len(size) != 2 or not all(0 < side <= 10_000 for side in size)):
            msg = f"size: {shown(size)}: [height, width] is needed, each from 1 to 10,000 pixels"
            raise ValueError(msg)
        if channels is not None and channels not in _CHANNELS:
            msg = f"channels: {channels}: 1 (grey) or 3 (RGB) is needed"
            raise ValueError(msg)
        return cls((size[0], size[1]) if size else None, _CHANNELS[channels] if channels else None)


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder's subfolders, sorted by class and name; hidden ones are left out.

    Raises:
        HarnessError: there is no subfolder, or none of its files can be listed.
    """
    try:
        classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        files = [
            path
            for inner in classes
            for path in sorted(inner.iterdir())
            if not path.name.startswith(".") and not path.is_dir()
        ]
    except OSError as error:
        msg = f"{error.filename or folder}: cannot be read: {error.strerror}"
        raise HarnessError(msg) from None
    if not files:
        msg = f"{folder}: has no subfolder with images: each class is a subfolder"
        raise HarnessError(msg)
    return files


def read_folder(folder: Path, form: Form) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Return the images (rows, height, width[, 3]) of a folder, and the names (rows,) of their subfolders.

    Raises:
        HarnessError: Pillow is not installed, a file is no image, or one is of another size or another number of
            channels than the first; it names the file, and what would do.
    """
    try:
        from PIL import Image
    except ImportError:
        msg = f'{folder}: Pillow reads images, and is not installed: pip install "nn-harness[images]"'
        raise HarnessError(msg) from None
    paths = files_of(folder)
    images: NDArray[np.uint8] | None = None
    for row, path in enumerate(paths):
        pixels = _pixels(Image, path, form)
        if images is None:
            images = np.empty((len(paths), *pixels.shape), dtype=np.uint8)
        if pixels.shape != images.shape[1:]:
            raise HarnessError(_unlike(path, pixels.shape, paths[0], images.shape[1:]))
        images[row] = pixels
    return images, np.array([path.parent.name for path in paths])  # type: ignore[return-value] # there is a file


def _pixels(pillow: Any, path: Path, form: Form) -> NDArray[np.uint8]:
    """Return one image, upright as its file says."""
    try:
        with open_regular(path) as file, pillow.open(file) as image:
            converted = image.convert(form.mode or _mode(path, image))
            if form.size:
                converted = converted.resize(form.size[::-1], pillow.Resampling.BILINEAR)
            return np.asarray(converted, dtype=np.uint8)
    except HarnessError:
        raise
    except Exception as error:  # Pillow's readers raise many kinds
        message = one_line(error)
        reason = "no image that Pillow reads" if "cannot identify image" in message else f"cannot be read: {message}"
        msg = f"{path}: {reason}"
        raise HarnessError(msg) from error


def _mode(path: Path, image: Any) -> str:
    """Return the mode in which an image is read that no option converts."""
    if image.mode in _MODES:
        return _MODES[image.mode]
    msg = (
        f"{path}: its mode is {image.mode!r}, {counted(len(image.getbands()), 'channel')}: 8 bits of grey or RGB are "
        "needed. In [dataset], channels = 1 or channels = 3 converts all"
    )
    raise HarnessError(msg)


def _unlike(path: Path, shape: tuple[int, ...], first: Path, expected: tuple[int, ...]) -> str:
    """Return how an image differs from the first one, and which line would help."""
    if shape[:2] != expected[:2]:
        sizes = [f"{height} × {width}" for height, width in (shape[:2], expected[:2])]
        fix = f"size = [{expected[0]}, {expected[1]}]"
        return f"{path}: {sizes[0]} pixels, but {first} has {sizes[1]}. In [dataset], {fix} resizes all"
    kinds = ["RGB" if len(each) == 3 else "grey" for each in (shape, expected)]
    return f"{path}: {kinds[0]}, but {first} is {kinds[1]}. In [dataset], channels = 1 or channels = 3 converts all"
