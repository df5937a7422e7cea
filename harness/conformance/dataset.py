"""What a dataset must do to be certified."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from harness.conformance.clauses import broken, require, require_equal, require_same
from harness.conformance.target import Conformance, Target
from harness.datasets.cache import CachedDataset, materialise
from harness.datasets.contract import DTYPES
from harness.datasets.splits import SplitTable, partition
from harness.errors import HarnessError
from harness.interfaces import Dataset, Labelled
from harness.plugins.components import Kind

_CONTENT = "Labelled"


class _LoadedError(Exception):
    """A dataset was loaded that should have come from the cache."""


class _Sealed:
    """A dataset that has a source, and must not be loaded."""

    def __init__(self, dataset: Dataset) -> None:
        self.unavailable = dataset.unavailable
        self.source = dataset.source

    def load(self) -> Labelled:
        """Refuse."""
        raise _LoadedError


class DatasetConformance(Conformance):
    """Tests of a dataset; skipped, but for `Dataset.unavailable` itself, where it is unavailable."""

    kind: ClassVar[Kind] = "dataset"

    @pytest.fixture
    def dataset(self, target: Target) -> Dataset:
        """Return the dataset with its options."""
        dataset: Dataset = target.build()
        return dataset

    @pytest.fixture
    def loaded(self, dataset: Dataset) -> Labelled:
        """Return its rows; skip where they are unavailable."""
        reason = dataset.unavailable()
        if reason is not None:
            pytest.skip(f"unavailable: {reason}")
        loaded = dataset.load()
        require(isinstance(loaded, Labelled), "Dataset.load", "Labelled", type(loaded).__name__)
        return loaded

    def test_says_in_one_line_why_it_is_unavailable(self, dataset: Dataset) -> None:
        """Dataset.unavailable returns None, or a reason in one line; it does not raise."""
        reason = dataset.unavailable()
        fits = reason is None or (isinstance(reason, str) and reason.strip() and "\n" not in reason)
        clause = "Dataset.unavailable returns why it cannot be loaded here, in one line, or None"
        require(fits, clause, "None or one line", repr(reason))

    def test_features_and_labels_have_the_types_of_the_contract(self, loaded: Labelled) -> None:
        """Labelled: uint8 images (rows, height, width[, channels]) or finite float32 vectors; labels (rows,) int64."""
        features, labels, kind = loaded.features, loaded.labels, loaded.kind
        require(kind in DTYPES, _CONTENT, "the kind 'image' or 'vector'", repr(kind))
        wanted = {"image": ("uint8", (3, 4), "3 or 4 axes"), "vector": ("float32", range(2, 8), "2 to 7 axes")}
        for name, array, (dtype, axes, words) in (
            ("features", features, wanted[kind]),
            ("labels", labels, ("int64", (1,), "1 axis")),
        ):
            require(isinstance(array, np.ndarray), _CONTENT, f"{name} in a NumPy array", type(array).__name__)
            fits = str(array.dtype) == dtype and array.ndim in axes
            require(fits, _CONTENT, f"{name} {dtype} of {words}", f"{array.dtype} {array.shape}")
        require_equal(len(labels), len(features), _CONTENT, "labels, one a row:")
        if kind == "vector":
            strange = features[~np.isfinite(features)]
            require(not len(strange), _CONTENT, "finite values", f"{strange[0] if len(strange) else None}")

    def test_every_class_occurs_and_has_a_distinct_name(self, loaded: Labelled) -> None:
        """Labelled: labels in 0 … classes - 1, all of them, and a name for each class."""
        names, labels = loaded.class_names, loaded.labels
        require(isinstance(names, tuple), _CONTENT, "a tuple of class names", type(names).__name__)
        require(all(isinstance(name, str) for name in names), _CONTENT, "texts as class names", names)
        require(len(names) >= 2, _CONTENT, "two classes at least", f"{len(names)}")
        require_equal(len(set(names)), len(names), _CONTENT, "class names that differ:")
        present = np.unique(labels)
        wanted = f"the labels 0 … {len(names) - 1}, all of them, for {len(names)} class names"
        require(np.array_equal(present, np.arange(len(names))), _CONTENT, wanted, f"{present[:20].tolist()}")

    def test_is_the_same_whenever_it_is_loaded(self, dataset: Dataset, loaded: Labelled) -> None:
        """Dataset.source changes when the content may have, and the content only then."""
        again = dataset.load()
        clause = "Dataset.load returns the same content while source() is the same"
        require_same(again.features, loaded.features, clause, "the same images twice")
        require_same(again.labels, loaded.labels, clause, "the same labels twice")
        require_equal(again.class_names, loaded.class_names, clause, "class names")
        source = dataset.source()
        require(isinstance(source, str) and source, "Dataset.source", "a text", repr(source))
        require_equal(dataset.source(), source, "Dataset.source is the same while the content is", "the source")

    @pytest.fixture
    def cached(
        self, target: Target, dataset: Dataset, loaded: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> CachedDataset:
        """Return what the cache makes of it in ``tmp_path / "cache"``."""
        monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
        clause = "the cache takes what load() returns"
        try:
            entry = materialise(target.name, target.options, dataset, tmp_path / "cache")
        except HarnessError as error:
            broken(clause, "a cached dataset", f"the error {error}")
        require_equal(entry.info.rows, len(loaded.labels), clause, "images:")
        return entry

    def test_goes_through_the_cache(
        self, target: Target, cached: CachedDataset, loaded: Labelled, tmp_path: Path
    ) -> None:
        """A dataset is cached by the digest of its content, and read back equal."""
        clause = "the cache takes what load() returns, by the digest of its content"
        again = materialise(target.name, target.options, target.build(), tmp_path / "other")
        require_equal(again.info.digest, cached.info.digest, clause, "in another cache, the digest")
        opened = cached.open()
        require_same(np.asarray(opened.features), loaded.features, clause, "the images read back")
        require_same(opened.labels, loaded.labels, clause, "the labels read back")

    def test_is_loaded_once_and_comes_from_the_cache(
        self, target: Target, dataset: Dataset, cached: CachedDataset, tmp_path: Path
    ) -> None:
        """Dataset.source is the same for another object, as every run makes one: nothing is loaded again."""
        clause = "Dataset.source changes when the content may have: while it is the same, the cache loads nothing"
        another: Dataset = target.build()
        try:
            reloaded = materialise(target.name, target.options, _Sealed(another), tmp_path / "cache")
        except _LoadedError:
            got = f"a call of load(): source() said {dataset.source()!r}, and then {another.source()!r}"
            broken(clause, "nothing to load the second time", got)
        require_equal(reloaded, cached, clause, "the cached dataset")

    def test_can_be_split(self, loaded: Labelled) -> None:
        """The stratified partition has every class in every part."""
        table = SplitTable()
        try:
            split = partition(loaded.labels, table, loaded.class_names, loaded.test_rows)
        except HarnessError as error:
            require(False, "a dataset has enough images of each class for a split", "a split", f"the error {error}")
            return
        parts = len(split.train) + len(split.val) + len(split.test)
        require_equal(parts, len(loaded.labels), "a split has every row once", "rows:")
