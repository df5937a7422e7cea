"""Images with channels and vectors: through the contract, the cache, the scaling, and into perturbations."""

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.cache import materialise
from harness.datasets.info import DatasetInfo
from harness.datasets.splits import SplitTable, partition
from harness.errors import HarnessError, TrialError
from harness.interfaces import Labelled, LabelledStream
from harness.trial.evaluation import evaluate
from harness.trial.jobs import open_inputs, split_of
from harness.trial.perturbed import NamedPerturb
from harness.trial.perturbing import refusal
from harness.trial.robustness import Robustness
from harness.trial.scaling import Scaling
from harness_noise.gaussian import gaussian_noise
from tests.labelled import LABELS, NAMES, ROWS, Kept, colour, vectors


@pytest.mark.parametrize("made", [colour(), colour(channels=1), vectors(), vectors(1)], ids=lambda made: made.kind)
def test_the_cache_keeps_colour_and_vectors(tmp_path, made):
    """Bit by bit, with their kind, memory-mapped and read-only."""
    entry = materialise("kept", {}, Kept(made), tmp_path)
    assert (entry.info.kind, entry.info.shape) == (made.kind, made.features.shape[1:])
    opened = entry.open()
    assert opened.features.dtype == made.features.dtype
    assert np.array_equal(opened.features, made.features)
    assert isinstance(opened.features.base, np.memmap)
    assert not opened.features.flags.writeable
    assert materialise("kept", {}, Kept(made), tmp_path) == entry


def test_a_set_without_a_title_counts_rows_or_images(tmp_path):
    """Vectors are no images."""
    assert materialise("kept", {}, Kept(vectors()), tmp_path).info.title == "kept, 120 rows"
    assert materialise("kept", {}, Kept(colour(), "colour"), tmp_path).info.title == "kept, 120 images"


def test_the_digest_tells_vectors_from_images_of_the_same_bytes(tmp_path):
    """One is never taken for the other."""
    images = np.zeros((ROWS, 4, 4), dtype=np.uint8)
    both = [Labelled(images, LABELS, NAMES, "image"), Labelled(images[:, 0].view(np.float32), LABELS, NAMES, "vector")]
    digests = {materialise("kept", {}, Kept(made, made.kind), tmp_path).info.digest for made in both}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "sound"}, "kind is 'sound'; the contract says 'image' or 'vector'"),
        ({"kind": "vector"}, "vectors are uint8 (120, 4, 4, 3); the contract says float32 (rows, *shape)"),
        (
            {"features": np.zeros((ROWS, 2, 2, 2, 2), np.uint8)},
            "images are uint8 (120, 2, 2, 2, 2); the contract says uint8 (rows, height, width) or (rows, height, width",
        ),
        (
            {"features": np.full((ROWS, 2), np.nan, np.float32), "kind": "vector"},
            "vectors[0] holds the value nan; the contract says finite numbers",
        ),
        (
            {"features": np.zeros((ROWS, 2)), "kind": "vector"},
            "vectors are float64 (120, 2); the contract says",
        ),
        ({"features": np.zeros(ROWS, np.float32), "kind": "vector"}, "vectors are float32 (120,); the contract says"),
        ({"test_rows": ROWS}, "test_rows is 120; the contract says how many of the 120 rows, 0 or more and not all"),
        ({"test_rows": True}, "test_rows is True"),
    ],
)
def test_what_is_neither_is_refused(tmp_path, changed, message):
    """In one line, and nothing is cached."""
    with pytest.raises(HarnessError) as caught:
        materialise("kept", {}, Kept(replace(colour(), **changed)), tmp_path)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "datasets").glob("*"))


def test_vectors_come_in_blocks(tmp_path):
    """A stream of them is the set; a value that is not finite is named by its row."""
    made = vectors()

    def stream(features):
        blocks = [features[:50], features[50:]]
        return LabelledStream((5,), made.labels, NAMES, lambda: iter(blocks), "vector")

    dataset = Kept(made, "whole")
    whole = materialise("kept", {}, dataset, tmp_path)
    dataset.stream = lambda: stream(made.features)
    assert materialise("kept", {}, dataset, tmp_path).info.digest == whole.info.digest
    faulty = made.features.copy()
    faulty[70, 2] = np.inf
    streamed = Kept(made, "faulty")
    streamed.stream = lambda: stream(faulty)
    with pytest.raises(HarnessError, match=r"vectors\[70\] holds the value inf; the contract says finite numbers"):
        materialise("kept", {}, streamed, tmp_path)


def test_a_given_test_set_is_the_test_rows(tmp_path):
    """The others are divided between train and val in their shares, class by class."""
    entry = materialise("kept", {}, Kept(replace(colour(), test_rows=30)), tmp_path)
    split = split_of(entry, SplitTable())
    assert split.test.tolist() == list(range(90, 120))
    assert (len(split.train), len(split.val)) == (81, 9)  # ⌊30 · 0.1 / 0.8⌋ = 3 of each class
    assert np.bincount(LABELS[split.val]).tolist() == [3, 3, 3]
    assert materialise("kept", {}, Kept(colour(), "drawn"), tmp_path).info.test_rows == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0] * 20 + [1] * 3 + [0, 1], "class 'b' has 3 rows outside the given test set: the split 0.7 / 0.1 leaves 0"),
        ([0] * 20 + [1] * 20 + [0, 0], "class 'b' has no row in the given test set"),
    ],
)
def test_a_given_test_set_that_leaves_too_little_is_refused(labels, message):
    """With the class."""
    with pytest.raises(HarnessError) as caught:
        partition(np.array(labels), SplitTable(), ("a", "b"), 2)
    assert str(caught.value).startswith(message)


def test_vectors_are_standardised_by_the_training_rows(tmp_path):
    """As scikit-learn does it; a constant feature is divided by 1, though its mean is rounded."""
    from sklearn.preprocessing import StandardScaler

    entry = materialise("kept", {}, Kept(vectors()), tmp_path)
    split = split_of(entry, SplitTable())
    standardised = open_inputs(replace(entry, info=replace(entry.info, scale="standard")), SplitTable()).rows.features
    features = vectors().features.astype(np.float64)
    theirs = StandardScaler().fit(features[split.train]).transform(features)
    assert standardised.dtype == np.float32
    assert not standardised.flags.writeable
    np.testing.assert_allclose(standardised[:, :-1], theirs[:, :-1], atol=1e-5)
    assert np.abs(standardised[:, -1]).max() < 1e-6
    assert np.abs(standardised[split.train, :-1].std(axis=0) - 1).max() < 1e-5
    raw = open_inputs(replace(entry, info=replace(entry.info, scale="none")), SplitTable())
    assert np.array_equal(raw.rows.features, vectors().features)


def test_scaling_in_blocks_has_the_same_bits(monkeypatch):
    """However many rows a block has."""
    features, rows = vectors().features, np.arange(0, ROWS, 2)
    whole = Scaling.of(features, rows)
    monkeypatch.setattr("harness.trial.scaling._BLOCK_VALUES", 1)
    each = Scaling.of(features, rows)
    np.testing.assert_allclose(each.mean, whole.mean, rtol=1e-14)
    assert np.array_equal(whole.standardised(features), Scaling(whole.mean, whole.deviation).standardised(features))


class Seen:
    """A network that keeps what it is given, and predicts the first class."""

    def __init__(self):
        self.given = []

    def predict_images(self, images):
        """Keep a copy."""
        self.given.append(images.copy())
        return np.log(np.tile(np.float32([0.5, 0.25, 0.25]), (len(images), 1)))


def noisy(features, scaling=None):
    network = Seen()
    named = NamedPerturb(Robustness(perturbation="gaussian_noise", severities=[0.0, 0.5]), gaussian_noise)
    evaluate([network], features, LABELS, np.arange(ROWS), 3, [named], scaling)
    return network.given


def test_noise_on_vectors_is_in_standard_deviations_and_not_clipped():
    """Of scaled vectors it is added; of raw ones, it is scaled by each feature's own deviation."""
    features = vectors().features
    scaling = Scaling.of(features, np.arange(ROWS))
    scaled = scaling.standardised(features)
    clean, none, half = noisy(scaled)
    assert np.array_equal(clean, none)
    assert (half - clean).std() == pytest.approx(0.5, rel=0.1)
    assert half.min() < -1
    raw, unmoved, moved = noisy(features, scaling)
    assert np.array_equal(raw, features)
    assert np.array_equal(unmoved, features)
    np.testing.assert_allclose(scaling.standardised(moved)[:, :-1], half[:, :-1], atol=1e-3)


def test_noise_on_colour_is_clipped():
    """All channels have their own."""
    clean, none, half = noisy(colour().features)
    assert np.array_equal(clean, colour().features.astype(np.float32) / np.float32(255))
    assert np.array_equal(clean, none)
    assert (half.shape, half.min(), half.max()) == ((ROWS, 4, 4, 3), 0.0, 1.0)


def test_a_perturbation_of_vectors_may_return_no_infinity():
    """It is refused with its value."""

    def explode(features, _severity, _rng, kind):
        return features / np.float32(0) if kind == "vector" else features

    named = NamedPerturb(Robustness(perturbation="explode", severities=[1.0]), explode)
    features = np.ones((ROWS, 2), np.float32)
    with np.errstate(divide="ignore"), pytest.raises(TrialError, match="returned the value inf; the contract says fin"):
        evaluate([Seen()], features, LABELS, np.arange(ROWS), 3, [named])[0].whole()


class Choosy:
    """Grey and RGB images."""

    takes = frozenset({"image"})
    channels = frozenset({1, 3})

    def __call__(self, images, _severity, _rng):
        """Return the images."""
        return images


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((8, 8), "image", None),
        ((8, 8, 3), "image", None),
        ((8, 8, 2), "image", "takes images of 1 or 3 channels, and dataset 'd' has images of 2"),
        ((8, 8, 4), "image", "takes images of 1 or 3 channels, and dataset 'd' has images of 4"),
        ((30,), "vector", "takes images, and dataset 'd' has vectors of 30 values"),
    ],
)
def test_a_perturbation_says_which_data_it_takes(shape, kind, message):
    """Else it takes images of any number of channels."""
    data = DatasetInfo("d", "", 1, ("a", "b"), shape=shape, kind=kind)
    assert refusal(Choosy(), data) == message
    assert refusal(gaussian_noise, data) is None


@pytest.mark.parametrize(("old", "new"), [("LabelledImages", "Labelled"), ("ImageStream", "LabelledStream")])
def test_a_name_of_interface_1_says_what_to_change(old, new):
    """In the line with which its plugin is quarantined."""
    with pytest.raises(ImportError) as caught:
        exec(f"from harness.interfaces import {old}")  # noqa: S102 - as a plugin does
    assert str(caught.value) == (
        f'{old} is of interface 1, and this harness has 2: return {new}, with kind="image" '
        "(docs/how-to/move-to-interface-2.md)"
    )


def test_a_block_of_a_stream_may_be_empty(tmp_path):
    """The contract says any number of rows."""
    for made in (vectors(), colour()):
        dataset = Kept(made, made.kind)
        whole = materialise("kept", {}, dataset, tmp_path / "whole").info.digest
        parts = [made.features[:0], made.features[:50], made.features[50:50], made.features[50:]]
        shape, kind = made.features.shape[1:], made.kind
        stream = LabelledStream(shape, made.labels, NAMES, lambda parts=parts: iter(parts), kind)
        dataset.stream = lambda stream=stream: stream
        assert materialise("kept", {}, dataset, tmp_path / "stream").info.digest == whole
