"""Metrics that a row lacks are computed from its stored predictions when it is read; nothing is written for it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from harness.metrics.catalogue import value_of
from harness.metrics.computed import computed_names, of_predictions
from harness.metrics.predictions import Predictions
from harness.store import Run, Stored
from harness.store.derived import derived
from tests.tiny import run_suite

OLD = Path(__file__).parent / "data" / "version-0.1" / "run"
"""A run of version 0.1, which knew neither a balanced accuracy nor a top-5 accuracy."""
NOISE = ("gaussian_noise", 0.3)


@pytest.fixture
def old(tmp_path):
    """Return a copy of the run."""
    shutil.copytree(OLD, tmp_path / "run")
    return Run.open(tmp_path / "run")


def unopened(name):
    """Stand for the files of a row that lacks nothing."""
    raise AssertionError(name)


def test_a_metric_that_a_row_of_version_0_1_lacks_follows_from_its_predictions(old):
    """Clean and perturbed; nothing in the run is changed."""
    before = {path: path.read_bytes() for path in old.directory.rglob("*") if path.is_file()}
    for row in old.rows():
        arrays = old.arrays(row.experiment, row.seed, "evaluation.npz")
        for index, condition in ((0, (None, 0.0)), (2, NOISE)):
            theirs = balanced_accuracy_score(arrays["labels"], arrays["predicted"][index])
            assert value_of(row, "test_balanced_accuracy", condition) == pytest.approx(theirs, rel=1e-14)
            f1 = f1_score(arrays["labels"], arrays["predicted"][index], average="macro")
            assert value_of(row, "test_macro_f1", condition) == pytest.approx(f1, rel=1e-14)
    assert before == {path: path.read_bytes() for path in old.directory.rglob("*") if path.is_file()}


def test_what_its_predictions_do_not_tell_is_missing(old, typed):
    """A dash in tables, an empty cell in CSV, null in JSON; "done" all the same."""
    assert [value_of(row, "test_top5_accuracy") for row in old.rows()] == [None, None]
    output = typed("leaderboard", old.directory, "-t", "test").out
    assert "Top-5 acc. %" in output
    assert output.count(" – │") >= 2
    lines = json.loads(typed("leaderboard", old.directory, "-f", "json").out)["test"]["rows"]
    assert [(line["test_top5_accuracy"], line["status"]) for line in lines] == [(None, "done")] * 2


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)]
)
def test_predictions_that_are_missing_or_altered_tell_nothing(old, typed, damage):
    """The metric is missing; what the row has is shown, and the row is not called damaged."""
    damage(old.trial_directory("A", 1) / "evaluation.npz")
    damage(old.trial_directory("B", 1) / "validation.npz")
    first, second = old.rows()
    assert (value_of(first, "test_balanced_accuracy"), value_of(first, "test_accuracy")) == (None, 0.5027173913043478)
    assert value_of(second, "test_balanced_accuracy") is not None
    assert "damaged row" not in typed("leaderboard", old.directory).out


@pytest.mark.parametrize("change", [lambda old: old[:2], np.ravel])
def test_predictions_of_another_form_tell_nothing(old, change):
    """As of other conditions than the row was measured under."""
    stored = old.read("A", 1)
    arrays = old.arrays("A", 1, "evaluation.npz")
    old.write(stored.row, {"evaluation.npz": arrays | {"confusion": change(arrays["confusion"])}})
    assert value_of(next(old.rows()), "test_balanced_accuracy") is None


def test_a_row_of_this_version_reads_no_predictions(tmp_path):
    """So that tables of a thousand trials take no longer for it."""
    _, run = run_suite(tmp_path)
    for row in run.rows():
        stored = run.read(row.experiment, row.seed)
        assert isinstance(stored, Stored)
        assert derived(stored.row, unopened, 10) == stored.row
    row = next(run.rows())
    assert list(row.evaluation.measures[0].values) == computed_names("test")
    assert list(row.metrics.values) == computed_names("val")
    arrays = run.arrays(row.experiment, row.seed, "evaluation.npz")
    likeliest = arrays["likeliest"]
    assert (likeliest.shape, likeliest.dtype) == ((*arrays["predicted"].shape, 5), np.uint16)
    assert np.array_equal(likeliest[..., 0], arrays["predicted"])
    right = (likeliest[0] == arrays["labels"][:, None]).any(axis=1)
    assert value_of(row, "test_top5_accuracy") == right.mean()


def test_what_is_stored_stays(old):
    """A metric that a row has is not computed again."""
    stored = old.read("A", 1)
    measures = [replace(measure, values={"test_accuracy": 0.125}) for measure in stored.row.evaluation.measures]
    old.write(replace(stored.row, evaluation=replace(stored.row.evaluation, measures=measures)))
    row = next(old.rows())
    assert value_of(row, "test_accuracy") == 0.125
    assert value_of(row, "test_macro_f1") == pytest.approx(0.46650233368254695, rel=1e-14)


def test_predictions_of_few_classes_have_no_top_5():
    """All of five say nothing."""
    predictions = Predictions({"labels": np.zeros(1, int), "predicted": np.zeros(1, int)}, 5)
    values = of_predictions(["test_accuracy", "test_top5_accuracy"], predictions)
    assert values == {"test_accuracy": 1.0, "test_top5_accuracy": None}
