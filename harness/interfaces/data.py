"""Datasets, and perturbations of their images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Perturb = Callable[[NDArray[np.float32], float, np.random.Generator], NDArray[np.float32]]
"""A perturbation: images (rows, height, width) in [0, 1], a severity ≥ 0 and a generator to a new array of the same
shape, dtype and range. Severity 0 returns the images as they are. All randomness comes from the generator."""


@runtime_checkable
class SweepingPerturb(Protocol):
    """A perturbation that draws once for all severities."""

    def sweep(
        self, images: NDArray[np.float32], severities: Sequence[float], rng: np.random.Generator
    ) -> Iterator[NDArray[np.float32]]:
        """Yield, for each severity in turn, what a single call with a fresh copy of ``rng`` would return."""
        ...


@dataclass(frozen=True)
class LabelledImages:
    """Images (rows, height, width) uint8, labels (rows,) int64 in 0 … classes - 1, and a name for each class.

    Every class has an image. Class names, ``title`` and ``checked`` are texts of one line, without control characters;
    class names differ.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    title: str = ""
    """What tables, plans and records call it: ``"EMNIST ByMerge, 216,168 of 814,255 images"``. Without: name, rows."""
    checked: str = ""
    """What the content was verified against when it was read: ``"checksums"``, ``"counts"``, … Nothing: "" ."""


@dataclass(frozen=True)
class ImageStream:
    """`LabelledImages` whose images come in blocks, uint8 (any number, height, width), never all at once.

    ``blocks`` is called once; together its blocks have a row for each label.
    """

    shape: tuple[int, int]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    blocks: Callable[[], Iterator[NDArray[np.uint8]]]
    title: str = ""
    checked: str = ""


class Dataset(Protocol):
    """Labelled images. Registered as a factory whose keywords are the TOML options.

    An option annotated as `pathlib.Path` (or a list of them) is resolved against the suite's folder.
    """

    def unavailable(self) -> str | None:
        """Return why it cannot be loaded here, in one line, or None."""
        ...

    def source(self) -> str:
        """Return a cheap text that changes when the content may have: of files `harness.machine.identity.identity`.

        Path, size and time of change are not enough: ``cp -p`` and unpacked archives keep them.
        """
        ...

    def load(self) -> LabelledImages:
        """Read the images; called only when the cache has no entry of this `source`."""
        ...


@runtime_checkable
class StreamedDataset(Protocol):
    """A dataset that is too large to be read at once; the cache then takes `stream` in the place of `Dataset.load`."""

    def stream(self) -> ImageStream:
        """Return the images and labels that ``load`` would return."""
        ...


@dataclass(frozen=True)
class Holding:
    """Files of a dataset on this machine: where, how many bytes, and what they were verified against."""

    place: Path
    size: int
    checked: str


@runtime_checkable
class StoredDataset(Protocol):
    """A dataset that is made of files, some of which may be downloaded."""

    def holding(self) -> Holding | None:
        """Return what is here, looked through now, or None; raises as ``load`` does where it is faulty."""
        ...

    def fetch(self) -> Path:
        """Download what is not here yet, check it, and return where it is."""
        ...
