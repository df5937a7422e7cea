"""Frames and single trials of several datasets: each line and each verdict says of which it is."""

import pandas as pd
import pytest

import harness
from harness.store import Member, Run, Several, write_several
from tests.several_runs import run_both


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a directory of two datasets that have runs, and of one that has none."""
    root = run_both(tmp_path_factory.mktemp("runs") / "both")
    members = (Member(name, name, name) for name in ("iris", "wine", "gone"))
    write_several(root, Several("both", tuple(members)))
    return root


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_frames_of_several_datasets_have_a_column_that_names_them(root, typed, tmp_path, form):
    """First; without it they are the frames of each run, one after another."""
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv, "json": lambda path: pd.read_json(path, lines=True)}[form]
    if form == "parquet":
        pytest.importorskip("pyarrow")
    typed("export", root, "--frames", tmp_path / "all", "-f", form)
    assert sorted(path.stem for path in (tmp_path / "all").iterdir()) == [
        "history", "measures", "predictions", "trials",
    ]  # fmt: skip
    for label in ("iris", "wine"):
        typed("export", root / label, "--frames", tmp_path / label, "-f", form)
        for path in (tmp_path / label).iterdir():
            frame, alone = read(tmp_path / "all" / path.name), read(path)
            assert frame.columns[0] == "dataset"
            assert "dataset" not in alone.columns
            of_it = frame[frame["dataset"] == label].drop(columns="dataset").reset_index(drop=True)
            classes = {name: of_it[name].dtype for name in alone.columns if "class" in name}
            pd.testing.assert_frame_equal(of_it, alone.astype(classes), check_dtype=form == "parquet")
    assert set(read(tmp_path / "all" / f"trials.{form}")["dataset"]) == {"iris", "wine"}


def test_a_trial_of_one_of_several_datasets_is_reproduced(root):
    """The verdict names the dataset; its own folder is a run of one."""
    again = harness.reproduce(root, "A", 1, dataset="wine", jobs=0)
    assert (again.verdict.value, again.dataset) == ("identical", "wine")
    assert str(again) == "wine: A/1: bit-identical"
    alone = harness.reproduce(root / "wine", "A", 1, jobs=0)
    assert str(alone) == "A/1: bit-identical"
    assert again.metrics == alone.metrics


@pytest.mark.slow
def test_the_command_reproduces_a_trial_of_one_of_several_datasets(root, typed):
    """In a worker."""
    assert typed("reproduce", root, "B/2", "--dataset", "iris").out.endswith("iris: B/2: bit-identical\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["both", "A/1"], "both: holds a run of each of several datasets. Add --dataset NAME: iris, wine, gone"),
        (["both", "wine/A/1"], "both: holds a run of each of several datasets. Add --dataset NAME: iris, wine, gone"),
        (["both", "A/1", "--dataset", ""], "--dataset '': the value is empty. Give one, or leave the option out"),
        (["both", "A/1", "--dataset", "x"], "--dataset x: both has no such dataset. Known: gone, iris, wine."),
        (["both", "A/9", "--dataset", "wine"], "both/wine: A has no seed 9. Known: 1, 2."),
        (["both", "Z/1", "--dataset", "wine"], "both/wine: no experiment 'Z'. Known: A, B."),
        (["both", "A", "--dataset", "wine"], "A: not of the form EXPERIMENT/SEED. Example: M0/42"),
        (["both", "A/1", "--dataset", "gone"], "both: dataset gone has no run: not run yet"),
        (
            ["both/wine", "A/1", "--dataset", "iris"],
            "--dataset iris: both/wine holds the run of one dataset, wine. Leave --dataset out",
        ),
    ],
)
def test_a_wrong_dataset_or_trial_is_refused(root, typed, monkeypatch, words, why):
    """In one line, with what there is."""
    monkeypatch.chdir(root.parent)
    assert typed("reproduce", *words, code=2).err == f"error: {why}\n"


def test_a_reason_why_a_dataset_has_no_run_is_given(tmp_path, typed):
    """That which the last command noted."""
    (tmp_path / "both").mkdir()
    write_several(tmp_path / "both", Several("both", (Member("mine", "files", "mine", "gone.csv: no such file"),)))
    refused = typed("reproduce", "both", "A/1", "--dataset", "mine", code=2).err
    assert refused == "error: both: dataset mine has no run: gone.csv: no such file\n"


def test_a_damaged_run_of_one_writes_no_frames(root, tmp_path, typed):
    """Nothing is overwritten: it is read before a file is made."""
    place = root / "wine" / "run.json"
    before = place.read_bytes()
    place.write_bytes(before[:-9])
    try:
        refused = typed("export", root, "--frames", tmp_path / "new", "-f", "csv", code=2).err
    finally:
        place.write_bytes(before)
    assert refused.startswith(f"error: {place}: cannot be read: ")
    assert refused.count("\n") == 1
    assert not (tmp_path / "new").exists()
    assert Run.open(root / "wine").dataset.name == "wine"
