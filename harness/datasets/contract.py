"""What a dataset returned, checked against its contract before a byte of it is written: reading checks the same."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, one_line, shown
from harness.interfaces import DataKind, Labelled, LabelledStream

DTYPES: dict[DataKind, str] = {"image": "uint8", "vector": "float32"}
"""The type of the values of each kind of data."""
_NOUNS: dict[DataKind, str] = {"image": "images", "vector": "vectors"}
_SHAPES: dict[DataKind, str] = {
    "image": "(height, width) or (height, width, channels)",
    "vector": "one to six sides",
}
_AXES: dict[DataKind, range] = {"image": range(2, 4), "vector": range(1, 7)}
_BLOCK_ROWS = 16_384
"""Rows that are hashed and written at a time: a set is never copied whole."""
_LONGEST_NAME, _LONGEST_TITLE = 200, 400
"""Characters that a table, a figure and a file's header can bear."""
_UNPRINTED = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, halves of pairs, and separators of lines."""


def as_stream(returned: Any) -> LabelledStream:
    """Return a dataset's rows and labels as a stream, its names as plain texts.

    Raises:
        HarnessError: it is not what `Labelled` or `LabelledStream` promises.
    """
    if isinstance(returned, Labelled):
        returned = _streamed(returned)
    elif not isinstance(returned, LabelledStream):
        msg = f"returned {type(returned).__name__}; the contract says Labelled, or a LabelledStream"
        raise HarnessError(msg)
    kind: Any = returned.kind
    shape: Any = returned.shape
    names: Any = returned.class_names
    if kind not in DTYPES:
        msg = f"kind is {shown(kind)}; the contract says {' or '.join(map(repr, DTYPES))}"
        raise HarnessError(msg)
    sides = isinstance(shape, tuple) and all(isinstance(side, int | np.integer) for side in shape)
    if not sides or len(shape) not in _AXES[kind] or min(shape) < 1:
        msg = f"{_NOUNS[kind]} are of shape {shown(shape)}; the contract says {_SHAPES[kind]}, each at least 1"
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
    _check_test_rows(returned.test_rows, len(returned.labels))
    return LabelledStream(
        tuple(int(side) for side in shape),
        returned.labels,
        plain,
        returned.blocks,
        str(kind),  # type: ignore[arg-type] # one of them, as was verified
        _text(returned.title, "title", _LONGEST_TITLE),
        _text(returned.checked, "checked", _LONGEST_TITLE),
        int(returned.test_rows),
    )


def checked_blocks(stream: LabelledStream) -> Iterator[memoryview]:
    """Yield the values of each block, one after the other.

    Raises:
        HarnessError: a block is not what the contract says, their rows are not as many as the labels, or a file cannot
            be read.
    """
    rows = 0
    try:
        for block in stream.blocks():
            _check_features(block, stream.kind, stream.shape)
            if stream.kind == "vector":
                _check_finite(block, rows)
            rows += len(block)
            if rows > len(stream.labels):  # it may have no end
                break
            yield np.ascontiguousarray(block).reshape(-1).view(np.uint8).data
    except OSError as error:  # the dataset's own; the cache's does not come through here
        raise HarnessError(one_line(error)) from error
    if rows != len(stream.labels):
        least = "at least " if rows > len(stream.labels) else ""
        msg = f"its blocks hold {least}{rows:,} {_NOUNS[stream.kind]} for {len(stream.labels):,} labels"
        raise HarnessError(msg)


def _streamed(loaded: Labelled) -> LabelledStream:
    """Return rows that are in memory already as a stream of them."""
    features, labels, kind = loaded.features, loaded.labels, loaded.kind
    if kind in DTYPES:  # another kind is refused with the stream
        _check_features(features, kind)
    rows = len(features) if isinstance(features, np.ndarray) and features.ndim else 0
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (rows,):
        msg = f"labels are {_kind(labels)}; the contract says int64 ({rows},)"
        raise HarnessError(msg)

    def blocks() -> Iterator[NDArray[Any]]:
        return (features[start : start + _BLOCK_ROWS] for start in range(0, len(features), _BLOCK_ROWS))

    about = (kind, loaded.title, loaded.checked, loaded.test_rows)
    return LabelledStream(features.shape[1:], labels, loaded.class_names, blocks, *about)


def _check_features(features: Any, kind: DataKind, shape: tuple[int, ...] | None = None) -> None:
    fits = isinstance(features, np.ndarray) and features.dtype == DTYPES[kind] and features.ndim - 1 in _AXES[kind]
    if not fits or shape not in {None, features.shape[1:]}:
        expected = "(rows, *shape)" if kind == "vector" else "(rows, height, width) or (rows, height, width, channels)"
        if shape is not None:
            expected = f"(rows, {', '.join(map(str, shape))})"
        msg = f"{_NOUNS[kind]} are {_kind(features)}; the contract says {DTYPES[kind]} {expected}"
        raise HarnessError(msg)


def _check_finite(block: NDArray[Any], before: int) -> None:
    """Refuse values that are not numbers: every sum over them would be NaN. ``before``: rows of earlier blocks."""
    finite = np.isfinite(block).all(axis=tuple(range(1, block.ndim)))
    if not finite.all():
        row = int(np.argmin(finite))
        first = block[row][~np.isfinite(block[row])][0]
        msg = f"vectors[{before + row}] holds the value {first}; the contract says finite numbers"
        raise HarnessError(msg)


def _check_test_rows(rows: Any, count: int) -> None:
    if isinstance(rows, bool) or not isinstance(rows, int | np.integer) or not 0 <= rows < count:
        msg = f"test_rows is {shown(rows)}; the contract says how many of the {count:,} rows, 0 or more and not all"
        raise HarnessError(msg)


def _check_labels(labels: Any, class_names: tuple[str, ...]) -> None:
    classes = len(class_names)
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.ndim != 1:
        msg = f"labels are {_kind(labels)}; the contract says int64 (rows,)"
    elif not len(labels) or labels.min() < 0 or labels.max() >= classes:
        msg = f"labels are not all in 0 … {classes - 1}, the {classes} classes that it names"
    elif np.bincount(labels, minlength=classes).min() == 0:
        absent = class_names[int(np.bincount(labels, minlength=classes).argmin())]
        msg = f"class {absent!r} has no row"
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
