"""Runs of several datasets: a run of each, tables over them, and what is missing where."""

import json
import re

import pytest

from harness.store import Run, read_several
from harness_noise.gaussian import GaussianNoise
from tests.test_several_suite import RELATION, SEVERAL

MIXED = """
[suite]
name = "mixed"
seeds = [1]

[[datasets]]
name = "digits"

[[datasets]]
name = "iris"

[defaults]
hidden_layers = [4]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1

[experiments.A]

[experiments.B]
hidden_layers = []

[experiments.images]
model = { name = "cnn", channels = [2], dense = [] }

[[robustness]]
perturbation = "rotation"
severities = [0.0, 10.0]
"""


def _json(harness, *arguments):
    return json.loads(harness("leaderboard", *arguments, "-f", "json").stdout)


@pytest.mark.slow
def test_a_run_of_each_dataset_and_tables_over_them(harness, tmp_path):
    """Resumed by the same command; every command takes the directory of all, and that of one."""
    (tmp_path / "mine.toml").write_text(SEVERAL + RELATION)
    first = harness("run", "mine.toml")
    assert "both · accuracy on each dataset and over them · 2 of 2 ranked, 3 of 3 datasets" in first.stdout
    few = "3 datasets: Wilcoxon's p is at least 0.25, and mean ranks have no intervals; 6 are the fewest for both."
    assert few in first.stdout
    assert "Wins %: over the other ranked experiments, a tie as half." in first.stdout
    assert "Letters: two that share one do not differ significantly." in first.stdout
    root = tmp_path / "runs" / "mine"
    several = read_several(root)
    assert [(dataset.label, dataset.folder) for dataset in several.datasets] == [
        ("iris", "iris"), ("iris, other split", "iris, other split"), ("wine", "wine"),
    ]  # fmt: skip
    assert Run.open(root / "wine").dataset.name == "wine"
    again = harness("run", "mine.toml")
    assert again.stderr.count("2 trials, 2 already done") == 3
    assert again.stdout == first.stdout

    tables = _json(harness, root)
    lines = tables["datasets-accuracy"]["rows"]
    assert {line["datasets"] for line in lines} == {"3 of 3"}
    assert {"value_wine", "mean_rank", "mean_rank_low", "win_rate", "win_rate_high"} <= lines[0].keys()
    assert tables["pairs-accuracy"]["rows"][0]["wins"] + tables["pairs-accuracy"]["rows"][0]["ties"] <= 3
    assert tables["tests"]["rows"][0]["critical_difference"] == pytest.approx(1.132, abs=1e-3)
    assert tables["wine/overview"]["rows"] == _json(harness, root / "wine")["overview"]["rows"]
    listed = harness("runs").stdout
    assert all(f"runs/mine/{name}" in listed for name in ("iris", "wine"))
    assert harness("verify", root).stderr.count("wine: ") == 1
    compared = harness("compare", root, root, "-f", "json")
    assert {"iris/overview", "wine/overview"} <= json.loads(compared.stdout)["tables"].keys()
    assert "wine: A seed 42: its stored row serves" in harness("why", "mine.toml", "A").stdout
    assert "both · wine: 2 trials, 2 done" in harness("plan", "mine.toml").stdout
    classes = json.loads(harness("leaderboard", root, "--per-class", "A", "-f", "json").stdout)
    assert len(classes.keys() - {"schema_version"}) == 3
    refused = harness("leaderboard", root, "-t", "nothing", code=2)
    assert "no such table in these runs" in refused.stderr


@pytest.mark.slow
def test_what_does_not_fit_a_dataset_is_unavailable_there(harness, tmp_path):
    """A model of images and a perturbation of images, on vectors: the others' ranks are among themselves."""
    (tmp_path / "mine.toml").write_text(MIXED)
    planned = harness("plan", "mine.toml").stdout
    assert "not tested under 'rotation', which takes images, and dataset 'iris' has vectors" in planned
    assert "1 unavailable" in planned
    assert (
        len(re.findall(r"(?m)^images +1 +numpy +unavailable +mine.toml: experiments.images.model.name: ", planned)) == 1
    )
    ended = harness("run", "mine.toml", code=1)
    assert "iris: images seed 1 unavailable" in ended.stderr
    tables = _json(harness, "runs/mine")
    lines = {line["experiment"]: line for line in tables["datasets-accuracy"]["rows"]}
    assert {name: line["datasets"] for name, line in lines.items()} == {
        "A": "2 of 2", "B": "2 of 2", "images": "1 of 2",
    }  # fmt: skip
    assert lines["images"]["mean_rank"] is None
    assert sorted(line["rank_digits"] for line in tables["ranks-accuracy"]["rows"]) == [1.0, 2.0]
    assert "Not ranked: images (not on iris)" in tables["ranks-accuracy"]["note"]
    degraded = {line["experiment"]: line["datasets"] for line in tables["datasets-degradation-rotation"]["rows"]}
    assert set(degraded.values()) == {"1 of 2"}


@pytest.mark.slow
def test_a_dataset_that_cannot_be_used_is_left_out(harness, tmp_path):
    """The others run; the exit code says so; where none can, nothing is written."""
    gone = SEVERAL.replace('name = "wine"\nscale = "none"', 'name = "files"\ntable = "gone.csv"\nlabel = "class"')
    (tmp_path / "mine.toml").write_text(gone)
    planned = harness("plan", "mine.toml", code=1)
    before, _, planned_reason = planned.stderr.rstrip().rpartition("files: cannot be planned: ")
    assert (before, planned_reason.partition(": ")[0]) == ("", "mine.toml")
    ended = harness("run", "mine.toml", "--seeds", "1", code=1)
    assert re.findall("(?m)^.*gone.*$", ended.stderr) == [f"dataset files is left out: {planned_reason}"]
    assert "No results on files: " in ended.stdout
    assert read_several(tmp_path / "runs" / "mine").datasets[2].reason
    alone = harness("run", "mine.toml", "--dataset", "files", "--out", "other", code=2)
    assert "gone" in alone.stderr
    assert not (tmp_path / "other").exists()
    assert "matches no experiment" in harness("run", "mine.toml", "--only", "none", code=2).stderr


def test_one_dataset_is_run_alone_and_the_others_stay(harness, tmp_path):
    """``--dataset LABEL`` works within the directory of all; with ``--fresh`` it moves that run alone aside."""
    (tmp_path / "mine.toml").write_text(SEVERAL)
    root = tmp_path / "runs" / "mine"
    ended = harness("run", "mine.toml", "--dataset", "wine", "--seeds", "1")
    assert "No results on iris: not run yet." in ended.stdout
    assert not (root / "iris").exists()
    moved = harness("run", "mine.toml", "--dataset", "wine", "--seeds", "1", "--fresh").stderr
    assert "the earlier run was moved to runs/mine/wine." in moved
    assert harness("leaderboard", root).stdout.count("not run yet") == 3 * 2
    assert "iris: cannot be verified: not run yet" in harness("verify", root, code=3).stderr


def test_a_directory_of_something_else_is_refused(harness, tmp_path):
    """A run of one dataset, another suite's runs, other files, a damaged ``datasets.json``."""
    (tmp_path / "mine.toml").write_text(SEVERAL)
    harness("run", "tiny.toml", "--only", "A", "--out", "one", "--set", "defaults.epochs=1")
    assert "one: holds a run of one dataset" in harness("run", "mine.toml", "--out", "one", code=2).stderr
    harness("run", "mine.toml", "--seeds", "1", "--dataset", "wine", "--out", "several")
    refused = harness("plan", "tiny.toml", "--out", "several", code=2).stderr
    assert "holds runs of several datasets" in refused
    assert "with --out, or 'harness run --fresh' keeps these runs aside\n" in refused
    (tmp_path / "other.toml").write_text(SEVERAL.replace('"both"', '"another"'))
    refused = harness("run", "other.toml", "--out", "several", code=2).stderr
    assert "several: holds runs of suite 'both', not 'another'" in refused
    assert "or 'harness run --fresh' keeps what is there aside\n" in refused
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    assert "full: holds 'letter.txt', and no runs" in harness("run", "mine.toml", "--out", "full", code=2).stderr
    header = tmp_path / "several" / "datasets.json"
    header.write_text(header.read_text().replace("wine", "whine"))
    assert "datasets.json: damaged: its checksum" in harness("leaderboard", "several", code=2).stderr
    header.write_text("[]")
    assert "datasets.json: damaged: it is not the JSON" in harness("leaderboard", "several", code=2).stderr


@pytest.mark.slow
def test_fail_fast_stops_before_the_next_dataset(harness, tmp_path):
    """A trial that times out ends the run; the datasets after it are named."""
    (tmp_path / "mine.toml").write_text(SEVERAL.replace("epochs = 2", "epochs = 100000").replace("[4]", "[400]"))
    ended = harness("run", "mine.toml", "--fail-fast", "--timeout", "1s", "--only", "A", "-j", "1", code=1)
    assert "wine: not run" in ended.stderr
    assert ended.stderr.count("dataset ") == 1


def test_fail_fast_stops_before_the_next_dataset_where_a_perturbation_fails(typed, tmp_path, monkeypatch):
    """Its trials are done, and their cells are lost."""

    def breaks(*_arguments):
        msg = "no noise today"
        raise RuntimeError(msg)

    monkeypatch.setattr(GaussianNoise, "sweep", breaks)
    text = MIXED.replace("rotation", "gaussian_noise").replace("10.0]", "0.1]").replace('"digits"', '"wine"')
    (tmp_path / "mine.toml").write_text(text)
    typed("run", "mine.toml", "--only", "A", "--jobs", "0", "--quiet", code=1)
    assert Run.open(tmp_path / "runs" / "mine" / "iris").planned == [("A", 1)]
    ended = typed("run", "mine.toml", "--only", "A", "--jobs", "0", "--quiet", "--fail-fast", "--out", "fast", code=1)
    assert "iris: not run, because --fail-fast stopped before it" in ended.err
    assert not (tmp_path / "fast" / "iris").exists()
