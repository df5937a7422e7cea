"""A run directory of version 0.1, as it was written then: every command reads it, and `run` resumes it."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from harness.plugins import components
from harness.plugins.loading import registry

KEPT = Path(__file__).parent / "data" / "version-0.1"
"""Two of the suite's three experiments, trained and tested by version 0.1 from its wheel."""


@pytest.fixture
def old(tmp_path, monkeypatch):
    """Return a copy of the run, beside its suite; the plugins are those of the wheel, as they were then."""
    monkeypatch.setattr(components, "changed_source", lambda *_: "")
    registry.cache_clear()  # a registry of an earlier test has identified its plugins
    shutil.copytree(KEPT, tmp_path, dirs_exist_ok=True)
    yield tmp_path / "run"
    registry.cache_clear()


def files(run, experiment):
    return {path.name: path.read_bytes() for path in (run / "trials" / experiment / "seed-1").iterdir()}


def test_its_leaderboard_has_the_values_of_then(old, typed):
    """Every figure is what the row says."""
    printed = typed("leaderboard", old, "--format", "csv", "--table", "overview").out
    lines = {line["experiment"]: line for line in csv.DictReader(io.StringIO(printed))}
    for experiment, line in lines.items():
        clean, _, noisy = json.loads((old / "trials" / experiment / "seed-1" / "row.json").read_text())["row"][
            "evaluation"
        ]["measures"]
        assert float(line["test_accuracy"]) == clean["accuracy"]
        assert float(line["test_macro_f1"]) == clean["macro_f1"]
        assert float(line["test_cross_entropy"]) == clean["cross_entropy"]
        assert float(line["degradation"]) == noisy["degradation"]
    assert list(lines) == ["B", "A"]


def test_it_is_verified_compared_listed_and_reported(old, typed):
    """No command calls it damaged, and none changes it."""
    pytest.importorskip("altair")
    before = {name: files(old, name) for name in "AB"}
    assert "0 of 1 expectation met, 1 undecided" in typed("verify", old).err  # by its predictions, of one seed
    assert "0.00" in typed("compare", old, old).out
    assert "old" in typed("runs", old.parent).out
    typed("report", old)
    assert (old / "report.html").stat().st_size > 100_000
    assert before == {name: files(old, name) for name in "AB"}


def test_it_is_resumed(old, typed):
    """What was trained stays as it is, to the last byte; only what was missing is trained."""
    before = {name: files(old, name) for name in "AB"}
    typed("run", "old.toml", "--out", old, "--jobs", "0", "--quiet")
    assert before == {name: files(old, name) for name in "AB"}
    assert json.loads((old / "trials/C/seed-1/row.json").read_text())["row"]["status"] == "done"
