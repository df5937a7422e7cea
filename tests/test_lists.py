"""What commands list, in every format: text for people, raw values for programs."""

import io
import os
from dataclasses import replace

import pandas as pd
import pytest

from harness import bench
from harness.cli.commands import plugins
from tests.measurements import measurement
from tests.tiny import run_suite


def frame(output, **options):
    """Return printed CSV as pandas reads it."""
    return pd.read_csv(io.StringIO(output.out), **options)


def test_runs_are_listed_for_programs(tmp_path, typed):
    """Sizes in bytes and times in UTC, as JSON has them; people read words."""
    run_suite(tmp_path, only=["A"])
    (row,) = frame(typed("runs", ".", "-f", "csv"), parse_dates=["changed"]).itertuples()
    assert row.directory == "run"
    assert row.bytes == sum(path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert row.changed.tzinfo is not None
    output = typed("runs", ".", "-f", "markdown").out
    assert output.startswith("| run")
    assert " ago " in output
    assert " MB " in output
    assert "\\caption" in typed("runs", ".", "-f", "latex").out


def test_a_run_is_listed_while_its_folders_come_and_go(tmp_path, monkeypatch, typed):
    """A driver puts trials aside, and removes what ensembles were made from."""
    _, run = run_suite(tmp_path, only=["A"])
    place, scandir = run.trial_directory("A", 1), os.scandir

    def meanwhile(folder="."):
        if str(folder).endswith(place.name) and place.exists():
            place.rename(tmp_path / "aside")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", meanwhile)
    assert frame(typed("runs", ".", "-f", "csv")).directory.tolist() == ["run"]
    assert not place.exists()


def test_no_runs_are_a_table_without_lines(tmp_path, typed):
    """And a remark beside it."""
    (tmp_path / "empty").mkdir()
    output = typed("runs", "empty", "-f", "csv")
    assert output.out == "directory,suite,state,changed,bytes\n"
    assert output.err == "empty: no runs\n"
    assert typed("runs", "empty").out == "empty: no runs\n"


def test_suites_are_listed_for_programs(typed):
    """Numbers are numbers."""
    suites = frame(typed("suites", "-f", "csv")).set_index("suite")
    assert suites.loc["quick", "experiments"] == 5
    assert suites.loc["full", "dataset"] == "emnist-bymerge"


def test_plugins_have_a_table_for_each_kind(typed, monkeypatch):
    """CSV holds one, and -t names another; why a backend does not work here is a column, and a line on a terminal."""
    answers = {"cupy": ("no: it has no device", {}), "numpy": ("yes", {"numpy": "2"}), "torch": ("yes", {})}
    monkeypatch.setattr(plugins, "backend_states", lambda _plugins: answers)
    output = typed("plugins", "-f", "csv")
    backends = frame(output, dtype=str, keep_default_na=False).set_index("name")
    assert backends.loc["cupy"].tolist()[:3] == ["", "no", "it has no device"]
    assert backends.loc["numpy"].tolist()[:3] == ["2", "yes", ""]
    assert output.err.startswith("CSV holds one table, here backends. -t NAME gives another: optimizers, ")
    assert "adamw" in frame(typed("plugins", "-f", "csv", "-t", "optimizers"))["name"].tolist()
    assert typed("plugins").out.endswith("\n\ncupy: no: it has no device\n")
    listed = typed("plugins", "-t", "losses").out
    assert listed.startswith("losses\nname ")
    assert "cupy" not in listed
    error = typed("plugins", "-t", "optimiser", code=2).err
    assert error.startswith("error: --table optimiser: no such table in this list. Did you mean 'optimizers'?")


@pytest.mark.parametrize("form", ["csv", "markdown"])
def test_datasets_are_listed(typed, form):
    """The place of the cache is a remark."""
    output = typed("datasets", "-f", form, "-t", "datasets")
    assert "digits" in output.out
    assert "cache: " in output.err
    assert "cache: " not in output.out


def test_measurements_have_a_line_for_each_case(typed, tmp_path):
    """Raw numbers, beside the baseline's if there is one."""
    bench.save(tmp_path / "now.json", [measurement([2.0, 2.0]), replace(measurement([1.0, 1.0]), work="predict")])
    bench.save(tmp_path / "base.json", [measurement([1.0, 1.0])])
    cases = frame(typed("bench", "--read", "now.json", "-f", "csv")).set_index("case")
    assert cases.loc["numpy M0 train", "median_seconds"] == 2.0
    assert cases.loc["numpy M0 predict", "work"] == "predict"
    assert "ratio" not in cases
    compared = frame(typed("bench", "--read", "now.json", "--compare", "base.json", "-f", "csv")).set_index("case")
    assert compared.loc["numpy M0 train", "ratio"] == pytest.approx(0.5)
    assert "\\begin{table}" in typed("bench", "--read", "now.json", "-f", "latex").out
