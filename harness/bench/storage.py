"""The images of a benchmark in a cache of their own, memory-mapped by every process, as those of a run are."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from harness.bench.cases import synthetic
from harness.datasets.cache import CachedDataset, materialise
from harness.interfaces import Labelled


@dataclass(frozen=True)
class SyntheticImages:
    """`harness.interfaces.Dataset` of random images."""

    rows: int

    def unavailable(self) -> str | None:
        """Return None: they are drawn."""
        return None

    def source(self) -> str:
        """Return how many: their content follows."""
        return f"synthetic {self.rows}"

    def load(self) -> Labelled:
        """Draw them."""
        return synthetic(self.rows)

    def cached(self, root: Path) -> CachedDataset:
        """Return them from a cache, where they are put if they are not there."""
        return materialise("synthetic", {}, self, root)


@dataclass
class Stored:
    """Images in a cache that ends with the ``with`` block."""

    dataset: CachedDataset
    seconds: float
    """What it took to put them there, drawing them apart."""
    folder: "tempfile.TemporaryDirectory[str]" = field(repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.folder.cleanup()


def stored(rows: int) -> Stored:
    """Put ``rows`` random images into a cache of their own."""
    folder = tempfile.TemporaryDirectory(prefix="harness-bench-", ignore_cleanup_errors=True)
    images = SyntheticImages(rows)
    images.load()  # drawn once, and kept for a moment: what is timed is the cache
    started = perf_counter()
    dataset = images.cached(Path(folder.name))
    seconds = perf_counter() - started
    synthetic.cache_clear()
    return Stored(dataset, seconds, folder)
