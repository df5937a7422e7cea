"""Suites of several datasets with all that takes one run, or runs elsewhere: each works, or is refused in one line."""

import json

import pytest

import harness as api
from harness.errors import HarnessError
from harness.store import Member, Run, Several, read_several, write_several
from tests.chaos.contents import content, differences
from tests.test_several_suite import FIGURE, RELATION, SEVERAL

NEEDS_ONE = "holds a run of each of several datasets, and one is needed here. Name one of its folders"


@pytest.fixture
def root(tmp_path):
    """Return a directory of two datasets, neither of which has run."""
    folder = tmp_path / "both"
    folder.mkdir()
    write_several(folder, Several("both", (Member("iris", "iris", "iris"), Member("wine", "wine", "wine"))))
    return folder


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("export both --frames new", "both: no dataset has a run yet. 'harness run SUITE' makes one"),
        ("reproduce both A/1", "both: holds a run of each of several datasets. Add --dataset NAME: iris, wine"),
        (
            "reproduce both A/1 --dataset whine",
            "--dataset whine: both has no such dataset. Did you mean 'wine'? Known: iris, wine.",
        ),
        ("reproduce both A/1 --dataset wine", "both: dataset wine has no run: not run yet"),
        ("reproduce none A/1 --dataset wine", "none: no such folder. 'harness run SUITE' makes a run"),
    ],
)
def test_a_directory_without_what_is_asked_for_is_refused(root, typed, command, why):
    """One line that says what to name; nothing is written."""
    assert typed(*command.split(), code=2).err == f"error: {why}\n"
    assert [path.name for path in root.parent.iterdir()] == ["both"]


def test_the_python_calls_that_take_one_run_refuse_the_directory_of_all(root):
    """With the same line."""
    for call in (api.open_run, api.verify, lambda place: api.compare(place, place)):
        with pytest.raises(HarnessError, match=f"both: {NEEDS_ONE}"):
            call(root)


def test_a_python_call_runs_one_of_several_datasets(tmp_path, monkeypatch):
    """It is chosen by its label; its run is where the command has it, and every command takes the directory of all."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(SEVERAL)
    for call in (api.run, api.plan, api.load_suite):
        with pytest.raises(HarnessError, match=r"mine.toml: datasets: one dataset is needed here, .* Choose one of"):
            call("mine.toml")
    assert not (tmp_path / "runs").exists()
    run = api.run("mine.toml", dataset="wine", only="A", seeds=1, jobs=0)
    assert str(run.directory) == "runs/mine/wine"
    assert list(run.trials()["status"]) == ["done"]
    assert [member.label for member in read_several(tmp_path / "runs" / "mine").datasets] == [
        "iris", "iris, other split", "wine",
    ]  # fmt: skip


def test_a_loaded_suite_of_one_of_several_datasets_runs_as_the_command_does(tmp_path, monkeypatch, typed):
    """Its run is beside those of the other datasets, which the directory names; a changed copy is one of them still."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(SEVERAL)
    loaded = api.load_suite(api.load_suite("mine.toml", dataset="wine"), overrides={"defaults.epochs": 1})
    run = api.run(loaded, only="A", seeds=1, jobs=0)
    assert str(run.directory) == "runs/mine/wine"
    written = (tmp_path / "runs" / "mine" / "datasets.json").read_bytes()
    options = ("--set", "defaults.epochs=1", "--only", "A", "--seeds", "1", "--jobs", "0", "--quiet")
    typed("run", "mine.toml", "--dataset", "wine", "--out", "typed", *options)
    assert written == (tmp_path / "typed" / "datasets.json").read_bytes()
    assert differences(content(tmp_path / "typed" / "wine"), content(tmp_path / "runs" / "mine" / "wine")) == []


def test_each_dataset_is_verified_by_its_figures_and_the_relations_of_all(tmp_path, typed):
    """A figure that names a dataset is one of it alone; one that is missed there fails the suite."""
    figure = FIGURE.replace("tolerance = 0.5", "tolerance = 1.0") + 'dataset = "wine"\nimages = 178\n'
    (tmp_path / "mine.toml").write_text(SEVERAL + figure + RELATION.replace("> 0.1", ">= 0.0"))
    options = ("--only", "A", "--seeds", "1", "--jobs", "0", "--quiet")
    typed("run", "mine.toml", *options)
    verified = typed("verify", "runs/mine", "-f", "json")
    assert verified.err.splitlines() == [
        "iris: 1 of 1 expectation met", "iris, other split: 1 of 1 expectation met", "wine: 2 of 2 expectations met",
    ]  # fmt: skip
    assert json.loads(verified.out)["met"] is True
    text = (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("value = 0.9\ntolerance = 1.0", "value = 2.0\ntolerance = 0.1"))
    typed("run", "mine.toml", *options)
    assert "wine: 1 of 2 expectations met, 1 missed" in typed("verify", "runs/mine", code=3).err
    assert typed("verify", "runs/mine/iris").err == "1 of 1 expectation met\n"


@pytest.mark.slow
def test_several_datasets_on_a_cluster_have_the_bytes_of_local_runs_and_one_travels(tmp_path, harness):
    """Its nodes are compared once for all; a dataset's run is merged, exported and imported as any other."""
    pytest.importorskip("distributed")
    (tmp_path / "mine.toml").write_text(SEVERAL.replace('name = "both"', 'name = "both"\nseeds = [1, 2]'))
    harness("run", "mine.toml", "--jobs", "2", "--out", "local")
    spread = harness("run", "mine.toml", "--cluster", "local:2", "--out", "spread")
    assert spread.stderr.count("node local-1: ") == 1
    assert len(content(tmp_path / "local" / "wine")) == 2 * 2 * 5
    for label in ("iris", "iris, other split", "wine"):
        assert differences(content(tmp_path / "local" / label), content(tmp_path / "spread" / label)) == []
    for seed in ("1", "2"):
        harness("run", "mine.toml", "--dataset", "wine", "--seeds", seed, "--out", f"part-{seed}")
    harness("merge", "part-1/wine", "part-2/wine", "--into", "merged")
    assert differences(content(tmp_path / "local" / "wine"), content(tmp_path / "merged")) == []
    harness("export", "spread/wine", "-o", "wine.zip")
    harness("import", "wine.zip", "--out", "back")
    assert differences(content(tmp_path / "local" / "wine"), content(tmp_path / "back")) == []
    assert Run.open(tmp_path / "back").dataset.name == "wine"
