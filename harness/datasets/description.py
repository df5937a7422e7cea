"""What a dataset is in numbers: its classes, its pixels, and what a split makes of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.datasets.splits import SETS, Split

_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class SetSize:
    """One set of the split: its images, their share of all, and those of its smallest and largest class."""

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
    """Images of each class."""
    pixel_mean: float
    """Of all pixels, scaled to [0, 1]; so is ``pixel_std``."""
    pixel_std: float
    split: list[SetSize]

    @property
    def smallest(self) -> int:
        """The class with the fewest images."""
        return int(self.counts.argmin())

    @property
    def largest(self) -> int:
        """The class with the most images."""
        return int(self.counts.argmax())

    @property
    def ratio(self) -> float:
        """Images of the largest class for one of the smallest."""
        return float(self.counts.max() / self.counts.min())


def describe(data: CachedDataset, split: Split) -> Description:
    """Return a dataset in numbers, and what a split made of it; no more than a block of images is read at a time."""
    loaded = data.open()
    info = data.info
    classes = len(info.class_names)
    sets = []
    for name in SETS:
        rows = getattr(split, name)
        counts = np.bincount(loaded.labels[rows], minlength=classes)
        sets.append(SetSize(name, len(rows), len(rows) / info.rows, int(counts.min()), int(counts.max())))
    levels = np.zeros(256, dtype=np.int64)
    for start in range(0, info.rows, _BLOCK_ROWS):
        levels += np.bincount(loaded.features[start : start + _BLOCK_ROWS].reshape(-1), minlength=256)
    shade = np.arange(256) / 255.0
    mean = float((levels * shade).sum() / levels.sum())
    std = float(np.sqrt((levels * (shade - mean) ** 2).sum() / levels.sum()))
    counts = np.bincount(loaded.labels, minlength=classes)
    return Description(info, counts, mean, std, sets)


def examples(data: CachedDataset) -> NDArray[np.uint8]:
    """Return the first image of each class (classes, height, width)."""
    loaded = data.open()
    _, first = np.unique(loaded.labels, return_index=True)
    return np.asarray(loaded.features[first])
