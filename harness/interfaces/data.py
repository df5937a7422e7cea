"""Datasets, and perturbations of their rows."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

DataKind = Literal["image", "vector"]
"""Images: uint8 (height, width) or (height, width, channels), channels last. Vectors: float32 of any shape a row."""

Perturb = Callable[..., NDArray[np.float32]]
"""A perturbation: features, a severity ≥ 0 and a generator to a new array of the same shape and dtype.

Images are float32 (rows, height, width) or (rows, height, width, channels) in [0, 1], and so is what it returns.
Severity 0 returns the features as they are. All randomness comes from the generator. One that takes vectors says so
(`SelectivePerturb`) and is called with ``kind="vector"`` for them: float32 (rows, *shape), each feature of mean 0 and
standard deviation 1 over the training rows; what it returns is finite and otherwise not bounded.
"""


@runtime_checkable
class SelectivePerturb(Protocol):
    """A perturbation that says what data it takes; one that does not takes images, of any number of channels.

    It may also have ``channels``, a set of ints: the numbers of channels of the images that it takes. Grey images,
    (rows, height, width), have 1. And ``smallest``, an int: the pixels that the height and the width of an image need.
    """

    takes: Collection[DataKind]
    """``{"image"}``, ``{"vector"}`` or both."""


@runtime_checkable
class SweepingPerturb(Protocol):
    """A perturbation that draws once for all severities."""

    def sweep(
        self, features: NDArray[np.float32], severities: Sequence[float], rng: np.random.Generator, **kind: Any
    ) -> Iterator[NDArray[np.float32]]:
        """Yield, for each severity in turn, what a single call with a fresh copy of ``rng`` would return."""
        ...


@runtime_checkable
class GradedPerturb(Protocol):
    """A perturbation that recommends severities: a suite may leave its own out.

    It may also have ``family``, a short text by which tables group perturbations: ``"noise"``, ``"blur"``, ``"light"``,
    ``"geometry"``, ``"digital"``, ``"occlusion"``. And ``suite``, a text: in a suite's file, ``"corruptions/*"`` as
    ``perturbation`` takes every installed perturbation whose ``suite`` is ``"corruptions"``.
    """

    levels: Sequence[float]
    """Five severities above 0, mild to strong."""


@runtime_checkable
class RangedPerturb(Protocol):
    """A perturbation that does not have every severity above 0: a JPEG quality of 0, a rotation by 400 degrees."""

    def check(self, severity: float) -> str | None:
        """Return why it has no such severity, in one line, or None. Called when planning; never of 0, the identity."""
        ...


@runtime_checkable
class DependentPerturb(Protocol):
    """A perturbation that needs more than harness does: a library, a file."""

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, in one line, or None. Called when planning."""
        ...


@dataclass(frozen=True)
class Labelled:
    """Features (rows, *shape), labels (rows,) int64 in 0 … classes - 1, a name for each class, and the features' kind.

    Of kind ``"image"``: uint8, shape (height, width) or (height, width, channels). Of kind ``"vector"``: float32 of any
    shape, each value finite.

    Every class has a row. Class names, ``title`` and ``checked`` are texts of one line, without control characters;
    class names differ.
    """

    features: NDArray[Any]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    kind: DataKind
    title: str = ""
    """What tables, plans and records call it: ``"EMNIST ByMerge, 216,168 of 814,255 images"``. Without: name, rows."""
    checked: str = ""
    """What the content was verified against when it was read: ``"checksums"``, ``"counts"``, … Nothing: "" ."""
    test_rows: int = 0
    """How many rows, the last ones, are a given test set, which no split changes; 0: any row may be drawn for it."""


@dataclass(frozen=True)
class LabelledStream:
    """`Labelled` whose features come in blocks (any number, *shape), never all at once.

    ``blocks`` is called once; together its blocks have a row for each label, uint8 for images and float32 for vectors.
    """

    shape: tuple[int, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    blocks: Callable[[], Iterator[NDArray[Any]]]
    kind: DataKind
    title: str = ""
    checked: str = ""
    test_rows: int = 0


class Dataset(Protocol):
    """Labelled rows. Registered as a factory whose keywords are the TOML options.

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

    def load(self) -> Labelled:
        """Read the rows; called only when the cache has no entry of this `source`."""
        ...


@runtime_checkable
class StreamedDataset(Protocol):
    """A dataset that is too large to be read at once; the cache then takes `stream` in the place of `Dataset.load`."""

    def stream(self) -> LabelledStream:
        """Return the rows and labels that ``load`` would return."""
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
