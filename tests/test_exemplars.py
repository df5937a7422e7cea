"""What a run records to be looked at: class counts and glyphs, and images of the pairs that are confused most."""

from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits

from harness.execution.opening import open_dataset
from harness.execution.pools import InProcess
from harness.metrics import confusion_matrix
from harness.plugins.loading import registry
from harness.store import read_classes, write_classes
from harness.suite import load_suite
from harness.trial.gallery import EXAMPLES, PAIRS, confused
from harness.trial.jobs import split_of
from tests.tiny import TINY, run_suite


def test_a_run_records_its_classes_and_each_finalists_mistakes(tmp_path):
    """Counts add up to the dataset's; a glyph is a training image; an example is a test image that was mistaken."""
    _, run = run_suite(tmp_path)
    loaded = load_suite(tmp_path / "tiny.toml", registry())
    data = open_dataset(loaded, registry(), InProcess(registry()))
    split, images = split_of(data, loaded.suite.dataset.split), data.open()
    record = read_classes(run)
    assert record["counts"].sum(axis=0).tolist() == np.bincount(load_digits().target).tolist()
    assert record["counts"].sum(axis=1).tolist() == [len(split.train), len(split.val), len(split.test)]
    training = {images.features[row].tobytes(): images.labels[row] for row in split.train}
    assert [training[glyph.tobytes()] for glyph in record["glyphs"]] == list(range(10))
    predictions, examples = (run.arrays("A", 1, name) for name in ("evaluation.npz", "examples.npz"))
    errors = confusion_matrix(predictions["labels"], predictions["predicted"][0], 10)
    np.fill_diagonal(errors, 0)
    assert 0 < len(examples["pairs"]) <= PAIRS
    assert errors[tuple(examples["pairs"][0])] == errors.max()
    place = {row: index for index, row in enumerate(predictions["rows"])}
    for (truth, predicted), rows, shown in zip(examples["pairs"], examples["rows"], examples["images"], strict=True):
        assert (rows >= 0).sum() == min(EXAMPLES, errors[truth, predicted])
        for row, image in zip(rows[rows >= 0], shown, strict=False):
            assert predictions["labels"][place[row]] == truth
            assert predictions["predicted"][0, place[row]] == predicted
            assert (image == images.features[row]).all()


def test_an_older_run_gets_its_classes_when_it_is_resumed_and_nothing_runs_again(tmp_path, watcher):
    """A run of an earlier version lacks the file; another dataset's is none."""
    _, run = run_suite(tmp_path)
    record = read_classes(run)
    (run.directory / "classes.npz").unlink()
    assert read_classes(run) is None
    trained = len(watcher.trained)
    run_suite(tmp_path)
    assert (read_classes(run)["counts"] == record["counts"]).all()
    assert len(watcher.trained) == trained
    write_classes(replace(run, dataset=replace(run.dataset, digest="another")), record)
    assert read_classes(run) is None
    run_suite(tmp_path)
    _, other = run_suite(
        tmp_path, TINY.replace("[defaults]", '[dataset]\nname = "digits"\nsplit = { seed = 5 }\n[defaults]'), only=["A"]
    )
    assert (read_classes(other)["glyphs"] != record["glyphs"]).any(), "another split has other training images"
    (run.directory / "classes.npz").write_bytes(b"damaged")
    assert read_classes(run) is None


def test_the_surest_mistakes_are_kept_and_no_mistake_keeps_none():
    """In order of confidence; -1 where there are fewer."""
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    labels, predicted = np.array([0, 0, 0, 1]), np.array([[1, 1, 0, 1]])
    predictions = {
        "rows": np.array([5, 3, 1, 0]), "labels": labels, "predicted": predicted,
        "confidence": np.array([[0.6, 0.9, 0.8, 0.7]]),
    }  # fmt: skip
    examples = confused(predictions, images, 2)
    assert examples["pairs"].tolist() == [[0, 1]]
    assert examples["rows"].tolist() == [[3, 5, -1, -1]]
    assert (examples["images"][0, 0] == images[3]).all()
    none = confused(predictions | {"predicted": labels[None]}, images, 2)
    assert none["pairs"].shape == (0, 2)
    assert none["images"].shape == (0, EXAMPLES, 2, 2)
