"""Runs of one suite are merged: two halves equal the whole, conflicts are named, and nothing is overwritten.

The halves of severities have samples and images of attacks each, which the merged run has all of, in its order.
"""

import json
import re
import shutil
from contextlib import nullcontext, suppress
from dataclasses import replace

import pytest

from harness.errors import HarnessError
from harness.machine.arrays import read_arrays
from harness.results.leaderboard import tables
from harness.results.results import Results
from harness.store import Run, locked, merging, uniting
from harness.store.merging import merge
from harness.store.opening import LOCK
from tests.tiny import TINY, run_suite, without_times

SUITE = TINY.replace("seeds = [1]", "seeds = [1, 2]").replace("epochs = 3", "epochs = 1").replace(
    'two = { best_of = "[BC]" }', "two = 'C'"
).replace("severities = [0.0, 0.3]", "severities = [0.1, 0.2, 0.3]")  # fmt: skip
ATTACK = "[[robustness]]\nperturbation = 'fgsm'\nseverities = [0.1, 0.2, 0.3]\n"
SUITE += ATTACK


def made(folder, text=SUITE, **options):
    """Run a suite's text, and return the run's directory."""
    folder.mkdir()
    return run_suite(folder, text, **options)[1].directory


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the whole, and halves of it: by seeds, by experiments, by severities."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        "whole": made(folder / "whole"),
        "first": made(folder / "first", seeds=(1,)),
        "second": made(folder / "second", seeds=(2,)),
        "AB": made(folder / "AB", only=["A", "B"]),
        "C": made(folder / "C", only=["C"]),
        "mild": made(folder / "mild", SUITE.replace("[0.1, 0.2, 0.3]", "[0.1, 0.3]")),
        "strong": made(folder / "strong", SUITE.replace("[0.1, 0.2, 0.3]", "[0.2]")),
    }


def content(directory):
    """Return what a run holds but for times and hosts: its header, its rows, and the bytes of every array."""
    run = Run.open(directory)
    rows = [replace(without_times(row), environment={}, evaluation=None) for row in run.rows(derive=False)]
    evaluations = [
        row.evaluation and replace(row.evaluation, seconds=0, environment={}) for row in run.rows(derive=False)
    ]
    files = {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*.npz"))
        if path.name != "sums.npz"
    }
    sums = read_arrays(directory / "sums.npz")
    header = (run.suite, run.dataset, run.planned, run.components)
    return header, rows, evaluations, files, {name: array.tobytes() for name, array in sums.items() if name != "digest"}


@pytest.mark.slow
@pytest.mark.parametrize("halves", [("first", "second"), ("AB", "C"), ("mild", "strong"), ("whole", "first")])
def test_two_halves_are_the_whole(runs, tmp_path, halves):
    """By seeds, by experiments, by severities, and where they overlap: byte by byte but for times and hosts."""
    merged = merge([runs[half] for half in halves], tmp_path / "merged", {})
    assert not merged.left_out
    whole, together = content(runs["whole"]), content(tmp_path / "merged")
    for before, after in zip(whole[:3], together[:3], strict=True):
        assert before == after
    assert whole[3].keys() == together[3].keys()
    assert [name for name, data in whole[3].items() if together[3][name] != data] == []
    assert whole[4] == together[4]
    assert {path.name for path in tmp_path.iterdir()} == {"merged"}


def test_a_merged_run_says_what_it_was_made_of_and_is_resumed(runs, tmp_path):
    """It trains nothing again; its header has how each part came about."""
    (tmp_path / "run").mkdir()
    shutil.rmtree(tmp_path / "run")
    merge([runs["AB"], runs["C"]], tmp_path / "run", {"command": ["harness", "merge"]})
    notes = Run.open(tmp_path / "run").notes()
    assert [part["trials"] for part in notes["merged"]] == [4, 2]
    before = content(tmp_path / "run")
    outcome, run = run_suite(tmp_path, SUITE)
    assert outcome.all_well
    assert content(run.directory) == before


def altered(source, target, experiment="A", seed=1, **values):
    """Copy a run, and give a trial's row other values."""
    shutil.copytree(source, target)
    run = Run.open(target)
    stored = run.read(experiment, seed)
    run.write(replace(stored.row, **values))
    return target


def test_times_of_several_machines_are_not_ranked(runs, tmp_path):
    """The tables say why."""
    run = Run.open(runs["second"])
    environment = run.read("A", 2).row.environment
    other = altered(runs["second"], tmp_path / "other", seed=2, environment=environment | {"processor": "Another"})
    merge([runs["first"], other], tmp_path / "merged", {})
    speed = next(table for table in tables(Results.of(Run.open(tmp_path / "merged"))) if table.key == "speed")
    assert any("times of 2 environments" in note for note in [speed.note])


def changed_state(source, target):
    """Copy a run in which a trial has other bytes of the same meaning."""
    shutil.copytree(source, target)
    run = Run.open(target)
    stored = run.read("A", 1)
    state = run.arrays("A", 1, "state.npz")
    name = next(iter(state))
    run.write(stored.row, {"state.npz": state | {name: state[name] + 1}})
    return target


def changed_tests(source, target, condition):
    """Copy a run in which a trial has another prediction under a condition, by its place."""
    shutil.copytree(source, target)
    run = Run.open(target)
    arrays = run.arrays("A", 1, "evaluation.npz")
    arrays["predicted"][condition, 0] = (arrays["predicted"][condition, 0] + 1) % 10
    run.write(run.read("A", 1).row, {"evaluation.npz": arrays})
    return target


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda source, place: changed_tests(source, place, 0), r"A seed 1 differs between .* in its test results"),
        (
            lambda source, place: changed_tests(source, place, 2),
            r"A seed 1 differs between .* in its test results under gaussian_noise 0\.2",
        ),
        (changed_state, r"A seed 1 differs between \S+first/run and \S+other in state.npz"),
        (
            lambda source, place: altered(source, place, fingerprint="f" * 64),
            "A seed 1 differs between .*: it is of another recipe",
        ),
    ],
)  # fmt: skip
def test_the_same_trial_with_other_bytes_is_a_conflict(runs, tmp_path, change, text):
    """It is named, with both runs; nothing is left behind."""
    other = change(runs["first"], tmp_path / "other")
    with pytest.raises(HarnessError, match=f"{text}. Nothing was merged"):
        merge([runs["first"], other], tmp_path / "merged", {})
    assert {path.name for path in tmp_path.iterdir()} == {"other"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SUITE.replace("hidden_layers = [16]", "hidden_layers = [8]"), "experiments.A.hidden_layers is [8]"),
        (SUITE.replace('name = "tiny"', 'name = "other"'), "suite is 'other', in "),
        (SUITE.replace(ATTACK, "") + "[dataset]\nname = 'wine'\n[unused]", "dataset is 'wine'"),
        (SUITE.replace('baseline = "A"', 'baseline = "B"'), "leaderboard.baseline is 'B'"),
        (SUITE.replace('one = "A"', 'one = "B"'), "finalists.one is 'B'"),
        (SUITE + "[dataset]\nname = 'digits'\nsplit = { seed = 7 }", "the split's digest is '"),
    ],
)  # fmt: skip
def test_runs_of_other_data_or_recipes_are_refused(runs, tmp_path, text, message):
    """The first difference is named, with its value in both."""
    text = text.replace("[unused]", "")
    (tmp_path / "other").mkdir()
    _, run = run_suite(tmp_path / "other", text, dry=True)
    run.write_header({})
    with pytest.raises(HarnessError, match=re.escape(message)) as error:
        merge([runs["first"], run.directory], tmp_path / "merged", {})
    assert "only runs of the same data, recipes and plugins are merged" in str(error.value)
    assert not (tmp_path / "merged").exists()


def test_runs_of_the_same_names_with_other_content_are_refused(runs, tmp_path):
    """Data by their digest, plugins by their versions."""
    first = Run.open(runs["first"])
    for number, (change, message) in enumerate((
        ({"dataset": replace(first.dataset, digest="0" * 64)}, "the data's digest is '0000"),
        ({"components": first.components | {"backend numpy": "another 2.0"}}, "backend numpy is 'another 2.0', in "),
    )):  # fmt: skip
        shutil.copytree(runs["first"], tmp_path / str(number))
        replace(first, directory=tmp_path / str(number), **change).write_header({})
        with pytest.raises(HarnessError, match=re.escape(f"{tmp_path / str(number)}: {message}")):
            merge([runs["first"], tmp_path / str(number)], tmp_path / "merged", {})
    assert not (tmp_path / "merged").exists()


def test_what_is_damaged_or_stale_is_left_out_and_named(runs, tmp_path):
    """The other run's is taken where it has the trial."""
    shutil.copytree(runs["first"], tmp_path / "damaged")
    (tmp_path / "damaged" / "trials" / "A" / "seed-1" / "state.npz").write_bytes(b"")
    merged = merge([tmp_path / "damaged", runs["whole"]], tmp_path / "merged", {})
    [line] = merged.left_out
    assert line.startswith(f"{tmp_path / 'damaged'}: A seed 1 is left out: ")
    assert line.endswith("state.npz: its checksum does not match")
    assert all(row.status == "done" for row in merged.rows)


FAILED = {"status": "failed", "reason": "it broke"}
UNTRAINED = FAILED | {"metrics": None, "evaluation": None}


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (FAILED | {"evaluation": None}, {"evaluation": None}, "done"),  # its test failed in one, and was not asked for
        (UNTRAINED | {"status": "unavailable"}, UNTRAINED, "failed"),
        (UNTRAINED | {"status": "planned", "reason": ""}, UNTRAINED | {"status": "timed out"}, "timed out"),
    ],
)
def test_a_trial_is_taken_from_the_run_where_it_came_furthest(runs, tmp_path, first, second, status):
    """Whichever is named first: an attempt that failed hides no success, and none that was made is lost."""
    copies = [altered(runs["first"], tmp_path / name, **row) for name, row in (("one", first), ("other", second))]
    for number, order in enumerate((copies, copies[::-1])):
        merged = merge(order, tmp_path / f"merged {number}", {})
        assert {row.experiment: row.status for row in merged.rows} == {"A": status, "B": "done", "C": "done"}


def test_one_severity_that_is_drawn_by_two_seeds_is_a_conflict(runs, tmp_path):
    """Though no trial is in both: results have only the perturbation and the severity to distinguish them."""
    (tmp_path / "other").mkdir()
    text = SUITE.replace("severities = [0.1, 0.2, 0.3]", "severities = [0.3]\nseed = 5", 1)
    _, run = run_suite(tmp_path / "other", text, dry=True, seeds=(2,))
    run.write_header({})
    message = re.escape("robustness.gaussian_noise.seed at severity 0.3 is 5, in ")
    with pytest.raises(HarnessError, match=message) as error:
        merge([runs["first"], run.directory], tmp_path / "merged", {})
    assert f"in {runs['first']} it is 42" in str(error.value)


def test_the_command_says_what_it_did_and_refuses_a_target_that_is_there(runs, tmp_path, typed):
    """One line and exit code 2; what is there stays."""
    (tmp_path / "there").mkdir()
    first, second = str(runs["first"]), str(runs["second"])
    assert "6 of 6 trials done, from 2 runs" in typed("merge", first, second, "--into", "new").out
    assert json.loads((tmp_path / "new" / "run.json").read_text())["merged"]
    error = typed("merge", first, second, "--into", "there", code=2).err
    assert error == "error: there: is there already, and nothing is overwritten. Name a new one with --into\n"
    error = typed("merge", first, first, "--into", "x", code=2).err
    assert error.startswith("error: merge: needs two or more runs, each named once")
    assert not list((tmp_path / "there").iterdir())


def test_a_run_that_a_driver_writes_is_not_merged(runs, tmp_path, typed):
    """One line and exit code 2; the driver goes on, and nothing is left."""
    with locked(runs["first"]):
        error = typed("merge", runs["second"], runs["first"], "--into", "new", code=2).err
    assert error == f"error: {runs['first']}: harness is at work on this run. Merge it when that has ended\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("has_lock", [True, False])
def test_no_driver_begins_to_write_a_run_that_is_merged(runs, tmp_path, monkeypatch, has_lock):
    """It is refused, or, where the run has no lock, as one that was imported, the merge is."""
    part, began = tmp_path / "part", []
    shutil.copytree(runs["first"], part)
    if not has_lock:
        (part / LOCK).unlink()

    def united(directories):
        with suppress(HarnessError), locked(part):
            began.append("another")
        return uniting.united(directories)

    monkeypatch.setattr(merging, "united", united)
    with nullcontext() if has_lock else pytest.raises(HarnessError, match="part: harness is at work on this run"):
        merge([part, runs["second"]], tmp_path / "new", {})
    assert began == ([] if has_lock else ["another"])
    assert {path.name for path in tmp_path.iterdir()} == ({"part", "new"} if has_lock else {"part"})
    with locked(part):
        began.append("the next")
    assert began[-1] == "the next"
