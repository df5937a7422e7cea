"""What a dataset returned, checked against its contract before a byte of it is written: reading checks the same."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, one_line, shown
from harness.interfaces import ImageStream, LabelledImages

_BLOCK_ROWS = 16_384
"""Images that are hashed and written at a time: a set is never copied whole."""
_LONGEST_NAME, _LONGEST_TITLE = 200, 400
"""Characters that a table, a figure and a file's header can bear."""
_UNPRINTED = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, halves of pairs, and separators of lines."""


def as_stream(returned: Any) -> ImageStream:
    """Return a dataset's images and labels as a stream, its names as plain texts.

    Raises:
        HarnessError: it is not what `LabelledImages` or `ImageStream` promises.
    """
    if isinstance(returned, LabelledImages):
        returned = _streamed(returned)
    elif not isinstance(returned, ImageStream):
        msg = f"returned {type(returned).__name__}; the contract says LabelledImages, or an ImageStream"
        raise HarnessError(msg)
    shape: Any = returned.shape
    names: Any = returned.class_names
    sides = isinstance(shape, tuple) and len(shape) == 2 and all(isinstance(side, int | np.integer) for side in shape)
    if not sides or min(shape) < 1:
        msg = f"images are of shape {shown(shape)}; the contract says (height, width), each at least 1"
        raise HarnessError(msg)
    if not isinstance(names, tuple | list):
        msg = f"class_names is {shown(names)}; the contract says a tuple of texts"
        raise HarnessError(msg)
    plain = tuple(_text(name, f"class_names[{index}]", _LONGEST_NAME) for index, name in enumerate(names))
    known: set[str] = set()
    for index, name in enumerate(plain):
        if not name or name in known:
            what = f"{name!r} a second time" if name else "empty"
            msg = f"class_names[{index}] is {what}; the contract says a name for each class"
            raise HarnessError(msg)
        known.add(name)
    _check_labels(returned.labels, plain)
    title = _text(returned.title, "title", _LONGEST_TITLE)
    checked = _text(returned.checked, "checked", _LONGEST_TITLE)
    height, width = shape
    return ImageStream((int(height), int(width)), returned.labels, plain, returned.blocks, title, checked)


def checked_blocks(stream: ImageStream) -> Iterator[memoryview]:
    """Yield the pixels of each block, one after the other.

    Raises:
        HarnessError: a block is not what the contract says, their rows are not as many as the labels, or a file cannot
            be read.
    """
    rows = 0
    try:
        for block in stream.blocks():
            _check_images(block, stream.shape)
            rows += len(block)
            if rows > len(stream.labels):  # it may have no end
                break
            yield np.ascontiguousarray(block).reshape(-1).data
    except OSError as error:  # the dataset's own; the cache's does not come through here
        raise HarnessError(one_line(error)) from error
    if rows != len(stream.labels):
        least = "at least " if rows > len(stream.labels) else ""
        msg = f"its blocks hold {least}{rows:,} images for {len(stream.labels):,} labels"
        raise HarnessError(msg)


def _streamed(loaded: LabelledImages) -> ImageStream:
    """Return images that are in memory already as a stream of them."""
    images, labels = loaded.images, loaded.labels
    _check_images(images)
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (len(images),):
        msg = f"labels are {_kind(labels)}; the contract says int64 ({len(images)},)"
        raise HarnessError(msg)

    def blocks() -> Iterator[NDArray[np.uint8]]:
        return (images[start : start + _BLOCK_ROWS] for start in range(0, len(images), _BLOCK_ROWS))

    height, width = images.shape[1:]
    return ImageStream((height, width), labels, loaded.class_names, blocks, loaded.title, loaded.checked)


def _check_images(images: Any, shape: tuple[int, int] | None = None) -> None:
    fits = isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 3
    if not fits or shape not in {None, images.shape[1:]}:
        msg = f"images are {_kind(images)}; the contract says uint8 (rows, height, width)"
        raise HarnessError(msg)


def _check_labels(labels: Any, class_names: tuple[str, ...]) -> None:
    classes = len(class_names)
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.ndim != 1:
        msg = f"labels are {_kind(labels)}; the contract says int64 (rows,)"
    elif not len(labels) or labels.min() < 0 or labels.max() >= classes:
        msg = f"labels are not all in 0 … {classes - 1}, the {classes} classes that it names"
    elif np.bincount(labels, minlength=classes).min() == 0:
        absent = class_names[int(np.bincount(labels, minlength=classes).argmin())]
        msg = f"class {absent!r} has no image"
    else:
        return
    raise HarnessError(msg)


def _kind(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _text(value: object, what: str, longest: int) -> str:
    """Return a text as a plain `str`: subclasses, as NumPy's, are written in other ways than they are read."""
    if not isinstance(value, str):
        msg = f"{what} is {shown(value)}, {type(value).__name__}; the contract says a text, as str({shown(value)}) is"
    elif len(value) > longest:
        msg = f"{what} has {len(value):,} characters; at most {longest} are shown anywhere"
    elif any(unicodedata.category(character) in _UNPRINTED for character in value):
        msg = f"{what} is {shown(value)}: a line of printable characters is needed"
    else:
        return str(value)
    raise HarnessError(msg)
