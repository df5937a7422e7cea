"""``harness reproduce``: one stored trial trained again, and what is said of the two."""

import json
from dataclasses import replace

import numpy as np
import pytest

import harness
from harness.machine.files import checksum
from harness.results.reproduction import Reproduced, Sameness, reproduced, same_arrays, sameness
from tests.test_leaderboard import row, trained
from tests.tiny import TINY, run_suite


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return a run of the tiny suite with two seeds."""
    folder = tmp_path_factory.mktemp("reproduce")
    _, run = run_suite(folder, TINY.replace("seeds = [1]", "seeds = [1, 2]"))
    return run


def test_a_trial_is_bit_identical_where_nothing_changed(stored):
    """Weights, predictions and metrics."""
    reproduction = harness.reproduce(stored.directory, "A", 1, jobs=0)
    assert (reproduction.verdict.value, reproduction.meaning, reproduction.environment) == ("identical", [], [])
    assert reproduction.frame()["metric"].tolist() == [
        "val_accuracy",
        "val_loss",
        "test_accuracy",
        "test_cross_entropy",
    ]
    assert str(reproduction) == "A/1: bit-identical"
    assert harness.reproduce(stored.directory, "B", 2, jobs=0).verdict.value == "identical"


def test_a_trial_that_is_there_already_is_not_taken_for_one_trained_again(stored, tmp_path, typed):
    """Neither that of an earlier call, nor the stored one itself."""
    harness.reproduce(stored.directory, "A", 1, jobs=0, out=tmp_path / "again")
    for place in (tmp_path / "again", stored.directory):
        why = f"--out {place}: has A/1 already, so nothing would be trained. Name a new directory"
        with pytest.raises(harness.HarnessError) as error:
            harness.reproduce(stored.directory, "A", 1, jobs=0, out=place)
        assert str(error.value) == why
        assert typed("reproduce", stored.directory, "A/1", "--out", place, code=2).err == f"error: {why}\n"


def test_the_directory_of_another_run_is_refused(stored, tmp_path, typed):
    """Without an option that only `harness run` has."""
    run_suite(tmp_path, TINY.replace("tiny", "mine"), only=["A"])
    error = typed("reproduce", stored.directory, "B/1", "--out", "run", code=2).err
    assert error == "error: --out run: holds a run of suite 'mine'. Name a new directory\n"
    (tmp_path / "datasets.json").write_text("{}")
    error = typed("reproduce", stored.directory, "A/1", "--out", ".", code=2).err
    assert error == "error: --out .: holds runs of several datasets. Name a new directory\n"


def test_what_was_stored_otherwise_is_outside_or_within_the_interval_of_seeds(tmp_path):
    """And the environment that differs is named."""
    _, run = run_suite(tmp_path, TINY.replace("seeds = [1]", "seeds = [1, 2]"), only=["A"])
    row = run.row("A", 1)
    other = row.environment | {"python": "2.7.18"}
    run.write(replace(row, environment=other, metrics=replace(row.metrics, val_loss=row.metrics.val_loss + 1e-7)))
    near = harness.reproduce(run.directory, "A", 1, jobs=0)
    assert near.verdict.value == "within"
    assert [(key, before) for key, before, _ in near.environment] == [("python", "2.7.18")]
    for seed in (1, 2):  # both, so that the interval is narrow
        row = run.row("A", seed)
        run.write(replace(row, metrics=replace(row.metrics, val_loss=9.0 + seed / 1000)))
    assert harness.reproduce(run.directory, "A", 1, jobs=0).verdict.value == "outside"


@pytest.mark.parametrize(
    ("metrics", "identical", "verdict"),
    [
        ([Reproduced("val_loss", 1.0, 1.0, None)], True, Sameness.identical),
        ([Reproduced("val_loss", 1.0, 1.0, None)], False, Sameness.within),
        ([Reproduced("val_loss", 1.0, 1.1, None)], False, Sameness.undecided),
        ([Reproduced("val_loss", 1.0, 1.1, (0.9, 1.2))], False, Sameness.within),
        ([Reproduced("val_loss", 1.0, 1.3, (0.9, 1.2)), Reproduced("gap", 1, 0, None)], False, Sameness.outside),
    ],
)  # fmt: skip
def test_verdicts(metrics, identical, verdict):
    """One metric outside decides; one seed decides nothing but equality."""
    assert sameness(metrics, identical=identical) is verdict


def test_the_interval_of_two_seeds_has_no_value_that_cannot_be():
    """An accuracy is a share, and a loss is not negative."""
    stored = row("A", metrics=trained(0.9, 0.9, 0.2))
    seeds = {"val_accuracy": [0.9, 0.5], "val_loss": [0.2, 0.9]}
    accuracy, loss = reproduced(stored, stored, seeds)
    assert accuracy.interval == (0.0, 1.0)
    assert loss.interval[0] == 0.0
    assert loss.interval[1] > 5.0


def test_arrays_are_compared_by_bits():
    """A NaN is itself, -0 is not 0, a type is part of an array."""
    arrays = {"a": np.array([np.nan, 0.0]), "step": np.array(3)}
    assert same_arrays(arrays, {name: array.copy() for name, array in arrays.items()})
    assert not same_arrays(arrays, arrays | {"a": np.array([np.nan, -0.0])})
    assert not same_arrays(arrays, arrays | {"step": np.array(3.0)})
    assert not same_arrays(arrays, {"a": arrays["a"]})


@pytest.mark.parametrize(
    ("trial", "why"),
    [
        ("A", "A: not of the form EXPERIMENT/SEED. Example: M0/42"),
        ("A/x", "A/x: not of the form EXPERIMENT/SEED"),
        ("A/7", "A has no seed 7. Known: 1, 2."),
        ("Z/1", "no experiment 'Z'. Known: A, B, C."),
    ],
)
def test_an_unknown_trial_is_refused(stored, typed, trial, why):
    """In one line, with what there is."""
    assert why in typed("reproduce", stored.directory, trial, code=2).err


def test_other_data_is_refused(tmp_path):
    """What it would compare is not the same trial."""
    _, run = run_suite(tmp_path, only=["A"])
    row = run.row("A", 1)
    place = run.directory / "run.json"
    header = json.loads(place.read_text())
    header["dataset"]["digest"] = "0" * 64
    header["checksum"] = checksum({key: value for key, value in header.items() if key not in {"format", "checksum"}})
    place.write_text(json.dumps(header))
    run.write(replace(row, basis=row.basis | {"dataset": "0" * 64}))
    with pytest.raises(harness.HarnessError, match="the dataset's content here is another than the run's: 0000"):
        harness.reproduce(run.directory, "A", 1, jobs=0)


@pytest.mark.slow
def test_the_command_says_what_differs_and_exits_by_the_verdict(stored, typed, tmp_path):
    """In a worker, as another run would be; --out keeps the new run."""
    out = typed("reproduce", stored.directory, "C/1", "--out", tmp_path / "again").out
    assert out.endswith("C/1: bit-identical\n")
    assert harness.open_run(tmp_path / "again").complete


def test_the_files_of_a_dataset_are_found_where_they_are_now(tmp_path, typed):
    """`--data-dir` is their folder: of relative paths, of absolute ones by their names. Without it the run is named."""
    elsewhere, moved = tmp_path / "elsewhere", tmp_path / "moved"
    elsewhere.mkdir()
    lines = [f"{row % 5},{row % 3},{'ab'[row % 2]}" for row in range(60)]
    (elsewhere / "rows.csv").write_text("\n".join(["x,y,kind", *lines]))
    dataset = '[dataset]\nname = "files"\ntable = "rows.csv"\nlabel = "kind"\n'
    text = TINY.replace("[finalists]", f"{dataset}[finalists]")
    _, run = run_suite(elsewhere, text, only=["A"])
    run.write_header({"suite_file": str(elsewhere / "tiny.toml")})
    assert harness.reproduce(run.directory, "A", 1, jobs=0).verdict.value == "identical"
    elsewhere.rename(moved)
    place = moved / "run"
    missing = typed("reproduce", place, "A/1", code=2).err
    assert missing.startswith(f"error: {place}: dataset 'files': table: {elsewhere / 'rows.csv'}: no such file")
    assert missing.endswith("Name the folder of its files with --data-dir\n")
    assert harness.reproduce(place, "A", 1, jobs=0, data_directory=moved).verdict.value == "identical"
    for path in ("rows.csv", str(elsewhere / "rows.csv")):
        (moved / "tiny.toml").write_text(text.replace('"rows.csv"', f'"{path}"'))
        assert "60 rows" in typed("plan", moved / "tiny.toml", "--data-dir", moved, "--jobs", "0", "--out", "p").out
    refused = typed("plan", moved / "tiny.toml", "--data-dir", tmp_path, "--jobs", "0", "--out", "p", code=2).err
    assert f"table: {tmp_path / 'rows.csv'}: no such file" in refused
