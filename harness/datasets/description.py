"""What a dataset is in numbers: its classes, its values, and what a split makes of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.datasets.splits import SETS, Split

_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class SetSize:
    """One set of the split: its rows, their share of all, and those of its smallest and largest class."""

    name: str
    images: int
    share: float
    smallest: int
    largest: int


@dataclass(frozen=True)
class Description:
    """A dataset in numbers."""

    dataset: DatasetInfo
    counts: NDArray[np.int64]
    """Rows of each class."""
    mean: float
    """Of all values, those of images scaled to [0, 1]; so is ``std``."""
    std: float
    low: float
    """The least of all values, as they are stored; ``high`` the greatest."""
    high: float
    split: list[SetSize]

    @property
    def smallest(self) -> int:
        """The class with the fewest rows."""
        return int(self.counts.argmin())

    @property
    def largest(self) -> int:
        """The class with the most rows."""
        return int(self.counts.argmax())

    @property
    def ratio(self) -> float:
        """Rows of the largest class for one of the smallest."""
        return float(self.counts.max() / self.counts.min())


def describe(data: CachedDataset, split: Split) -> Description:
    """Return a dataset in numbers, and what a split made of it; no more than a block of rows is read at a time."""
    loaded = data.open()
    info = data.info
    classes = len(info.class_names)
    sets = []
    for name in SETS:
        rows = getattr(split, name)
        counts = np.bincount(loaded.labels[rows], minlength=classes)
        sets.append(SetSize(name, len(rows), len(rows) / info.rows, int(counts.min()), int(counts.max())))
    mean, std = (_pixels if info.kind == "image" else _values)(loaded.features)
    counts = np.bincount(loaded.labels, minlength=classes)
    return Description(info, counts, mean, std, *value_range(loaded.features), sets)


def value_range(features: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the greatest value of features (rows, *shape), as they are stored.

    A block at a time; of images, no more than it takes to see both 0 and 255.
    """
    low, high = inf, -inf
    for block in _blocks(features):
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        if features.dtype == np.uint8 and (low, high) == (0, 255):
            break
    return low, high


def size_and_range(data: CachedDataset) -> str:
    """Return in words what one row is, and between which values.

    ``"8 × 8 uint8 images, values 0 … 255"``, ``"vectors of 4 float32 values, 0.1 … 7.9"``.
    """
    low, high = value_range(data.open().features)
    span = f"{low:.6g} … {high:.6g}"
    return f"{row_size(data.info)}, {'values ' if data.info.kind == 'image' else ''}{span}"


def row_size(info: DatasetInfo) -> str:
    """Return in words what one row is: ``"32 × 32 × 3 uint8 images"``, ``"vectors of 4 float32 values"``."""
    sides = " × ".join(map(str, info.shape))
    return f"{sides} uint8 images" if info.kind == "image" else f"vectors of {sides} float32 values"


def _pixels(features: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the mean and standard deviation of pixels, scaled to [0, 1]."""
    levels = np.zeros(256, dtype=np.int64)
    for block in _blocks(features):
        levels += np.bincount(block.reshape(-1), minlength=256)
    shade = np.arange(256) / 255.0
    mean = float((levels * shade).sum() / levels.sum())
    return mean, float(np.sqrt((levels * (shade - mean) ** 2).sum() / levels.sum()))


def _values(features: NDArray[np.float32]) -> tuple[float, float]:
    """Return the mean and standard deviation of all values of vectors."""
    mean = sum(block.sum(dtype=np.float64) for block in _blocks(features)) / features.size
    squares = sum(np.square(block - mean).sum(dtype=np.float64) for block in _blocks(features))
    return float(mean), float(np.sqrt(squares / features.size))


def _blocks(features: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (features[start : start + _BLOCK_ROWS] for start in range(0, len(features), _BLOCK_ROWS))


def examples(data: CachedDataset) -> NDArray[np.uint8]:
    """Return the first image of each class (classes, height, width[, channels])."""
    loaded = data.open()
    _, first = np.unique(loaded.labels, return_index=True)
    return np.asarray(loaded.features[first])
