"""Rows of format 1 have a field for each metric: they are read as this version has them."""

import json
import shutil
from pathlib import Path

import pytest

from harness.machine.files import checksum
from harness.metrics.catalogue import value_of
from harness.store.earlier import upgraded
from harness.store.stored import read_stored

OLD = Path(__file__).parent / "data" / "version-0.1" / "run" / "trials" / "A" / "seed-1"


@pytest.fixture
def place(tmp_path):
    """Return a copy of a trial of version 0.1."""
    return shutil.copytree(OLD, tmp_path / "seed-1")


def rewritten(place, change, *, sealed=True):
    """Change the row on the disk; ``sealed``: with the checksum that belongs to it."""
    content = json.loads((place / "row.json").read_text())
    change(content["row"])
    if sealed:
        content["checksum"] = checksum({"row": content["row"], "files": content["files"]})
    (place / "row.json").write_text(json.dumps(content))


def test_every_metric_of_a_row_of_format_1_is_read(place):
    """To the last bit; a degradation, which it stored, follows from its accuracies."""
    document = json.loads((place / "row.json").read_text())["row"]
    row = read_stored(place, "A", 1).row
    assert value_of(row, "val_macro_f1") == document["metrics"]["val_macro_f1"]
    assert value_of(row, "val_ece") == document["metrics"]["val_ece"]
    for measure in document["evaluation"]["measures"]:
        condition = (measure["perturbation"], measure["severity"])
        for name in ("accuracy", "macro_f1", "cross_entropy", "ece"):
            assert value_of(row, f"test_{name}", condition) == measure[name]
        assert value_of(row, "degradation", condition) == measure["degradation"]


def test_what_only_earlier_rows_had_is_left_out(place):
    """Later rows of format 1 have the variance of the macro-F1, which comparisons no longer need."""

    def change(row):
        row["metrics"]["val_macro_f1_variance"] = 0.25
        row["evaluation"]["measures"][0]["macro_f1_variance"] = 0.5
        row["evaluation"]["joint_accuracy"] = [[0.5]]

    rewritten(place, change)
    row = read_stored(place, "A", 1).row
    assert not any("variance" in name for record in (row.metrics, row.evaluation.measures[0]) for name in record.values)


def test_a_row_of_format_1_is_verified_as_it_was_written(place):
    """Its checksum is of what is on the disk."""
    rewritten(place, lambda row: row["metrics"].update(val_ece=0.0), sealed=False)
    assert "its checksum does not match" in str(read_stored(place, "A", 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row["metrics"].pop("val_accuracy"),
        lambda row: row["evaluation"]["measures"][1].pop("ece"),
        lambda row: row["evaluation"]["measures"].append("x"),
        lambda row: row["evaluation"].update(measures={}),
    ],
)
def test_a_row_that_lacks_what_its_format_has_is_damaged(place, change):
    """As before: it is no row of either format."""
    rewritten(place, change)
    assert str(place / "row.json") in str(read_stored(place, "A", 1))


@pytest.mark.parametrize("content", [None, [], "row", {}, {"metrics": 1, "evaluation": []}])
def test_what_is_not_a_row_is_left_for_its_reader(content):
    """Nothing is raised here."""
    assert upgraded(content) == content
