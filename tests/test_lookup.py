"""What serves when a suite is run again: in its place, put aside, damaged in part, or measured in vain."""

import shutil

import pytest

from harness.execution.plan import make_plan
from harness.execution.pools import InProcess
from harness.execution.resume import reasons
from harness.plugins.loading import registry
from harness.store import Damaged, Run, Stored
from harness.store.stored import read_stored
from harness.suite import load_suite
from harness_noise.gaussian import GaussianNoise
from tests.tiny import TINY, run_suite, without_times

ELSEWHERE = TINY.replace("[defaults]", '[defaults]\ndevice = "cuda"')
"""The same trials where no backend can run them."""


def why(folder, run, experiment, text=TINY):
    """Return what `harness why` says of a trial."""
    (folder / "tiny.toml").write_text(text)
    plugins = registry()
    plan = make_plan(load_suite(folder / "tiny.toml", plugins), plugins, InProcess(registry()), only=[experiment])
    return reasons(run, [plan.trials[0]], plugins)[0]


def files_of(run):
    return {path: path.read_bytes() for path in run.directory.rglob("trials/*/*/*") if path.is_file()}


def assert_same_rows(run, expected):
    assert [without_times(row) for row in run.rows] == [without_times(row) for row in expected.rows]


def test_what_could_not_be_measured_is_measured_again(tmp_path, watcher, monkeypatch):
    """Too little memory costs the measurement alone; nothing calls the trial done meanwhile."""

    def starves(*_):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(GaussianNoise, "sweep", starves)
        outcome, run = run_suite(tmp_path, only=["A"])
    assert [row.status for row in outcome.rows] == ["failed"]
    assert [row.status for row in run.rows()] == ["failed"]
    assert "it will be measured, because it failed: MemoryError" in why(tmp_path, run, "A")
    outcome, run = run_suite(tmp_path, only=["A"])
    assert outcome.all_well
    assert watcher.trained == ["A"]
    (row,) = run.rows()
    assert row.status == "done"
    assert len(row.evaluation.measures) == 3


@pytest.mark.parametrize("name", ["evaluation.npz", "examples.npz"])
def test_lost_test_results_cost_a_measurement_and_no_training(tmp_path, watcher, name):
    """The weights are there, and sound."""
    first, run = run_suite(tmp_path)
    watcher.trained.clear()
    path = run.trial_directory("A", 1) / name
    path.unlink()
    assert "it will be measured, because of damage:" in why(tmp_path, run, "A")
    outcome, _ = run_suite(tmp_path)
    assert watcher.trained == []
    assert outcome.damaged == [f"{path}: is missing; the trial is measured again"]
    assert_same_rows(outcome, first)
    assert path.exists()
    assert not run_suite(tmp_path)[0].damaged


@pytest.mark.parametrize("name", ["evaluation.npz", "state.npz", "row.json"])
def test_what_cannot_be_made_again_here_is_left_as_it_is(tmp_path, name):
    """Not a byte of a damaged trial is touched where no backend can run it, and the message says so."""
    first, run = run_suite(tmp_path)
    path = run.trial_directory("A", 1) / name
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    before = files_of(run)
    outcome, _ = run_suite(tmp_path, ELSEWHERE)
    assert files_of(run) == before
    explanation = why(tmp_path, run, "A", ELSEWHERE)
    if name == "evaluation.npz":
        assert explanation.startswith("its stored row serves; it cannot be measured again here (")
        assert explanation.endswith(f"), which it needs because of damage: {path}: its checksum does not match")
    else:
        assert explanation.startswith("cannot run again here (")
    assert "; it is left as it is, as it cannot be made again here: " in outcome.damaged[0]
    path.write_bytes(content)
    assert_same_rows(run_suite(tmp_path, ELSEWHERE)[0], first)


def test_where_no_folder_can_be_there_is_no_row(tmp_path):
    """What is below a file is not there: it is not damaged."""
    (tmp_path / "file").write_text("")
    assert read_stored(tmp_path / "file" / "trials", "A", 1) is None


def test_a_row_that_cannot_be_read_says_why(tmp_path):
    """As a separate type: callers match on it."""
    _, run = run_suite(tmp_path, TINY.replace("epochs = 3", "epochs = 1"), only=["A"])
    path = run.trial_directory("A", 1) / "row.json"
    assert isinstance(run.read("A", 1), Stored)
    path.write_text(path.read_text().replace('"status": "done"', '"status": "failed"'))
    assert run.read("A", 1) == Damaged(f"{path}: its checksum does not match")
    (row,) = run.rows()
    assert row.reason == f"its row is damaged and will be made again: {path}: its checksum does not match"


def test_the_plan_shows_no_refusal_beside_a_row_that_serves(tmp_path, typed):
    """What is done needs no backend; what is not is unavailable, and the note says why."""
    run_suite(tmp_path, TINY.replace("epochs = 3", "epochs = 1"), only=["A"])
    (tmp_path / "tiny.toml").write_text(ELSEWHERE.replace("epochs = 3", "epochs = 1"))
    lines = typed("plan", "tiny.toml", "--only", "[AB]", "--out", "run", "--jobs", "0").out.splitlines()
    assert "2 trials, 1 done, 0 to run, 1 unavailable" in lines[0]
    done, unavailable = (next(line for line in lines if line.startswith(f"{name} ")) for name in "AB")
    assert done.rstrip().endswith("done")
    assert unavailable.rstrip().endswith("numpy runs on the CPU alone, not on 'cuda'")


def test_reasons_read_each_row_as_often_whatever_their_number(tmp_path, monkeypatch):
    """Once for the trial, once for the finalists."""
    _, run = run_suite(tmp_path, TINY.replace("epochs = 3", "epochs = 1"))
    plan = make_plan(load_suite(tmp_path / "tiny.toml", registry()), registry(), InProcess(registry()))
    read, rows = Run.read, []
    monkeypatch.setattr(Run, "read", lambda *arguments: rows.append(arguments[1:]) or read(*arguments))
    assert len(reasons(run, plan.trials, registry())) == 3
    assert sorted(rows) == sorted(2 * run.planned)


def test_a_number_written_otherwise_is_the_same_setting(tmp_path, watcher):
    """A whole number may be written with a point."""
    text = TINY.replace("momentum = 0.9", "momentum = 0")
    first, run = run_suite(tmp_path, text)
    changed = text.replace("momentum = 0", "momentum = 0.0")
    assert why(tmp_path, run, "B", changed).startswith("its stored row serves")
    again, _ = run_suite(tmp_path, changed)
    assert len(watcher.trained) == 3
    assert_same_rows(again, first)


@pytest.mark.parametrize(
    "between",
    [TINY.replace("learning_rate = 0.1", "learning_rate = 1e30"), ELSEWHERE.replace("epochs = 3", "epochs = 2")],
    ids=["one that fails", "one that cannot run here"],
)
def test_what_was_put_aside_serves_again_whatever_came_between(tmp_path, watcher, between):
    """Plan and why know it beforehand."""
    first, run = run_suite(tmp_path)
    run_suite(tmp_path, between)
    watcher.trained.clear()
    reason = why(tmp_path, run, "B")
    assert reason.startswith("its stored row serves, which was put aside, and is brought back")
    outcome, _ = run_suite(tmp_path)
    assert watcher.trained == []
    assert_same_rows(outcome, first)


@pytest.mark.parametrize("harm", [shutil.rmtree, lambda place: (place / "row.json").unlink()], ids=["folder", "row"])
def test_what_was_put_aside_serves_where_the_row_of_the_change_is_gone(tmp_path, watcher, harm):
    """The place may be empty, or hold what has no row."""
    first, run = run_suite(tmp_path)
    run_suite(tmp_path, TINY.replace("momentum = 0.9 }", "momentum = 0.5 }"))
    harm(run.trial_directory("B", 1))
    watcher.trained.clear()
    assert_same_rows(run_suite(tmp_path)[0], first)
    assert watcher.trained == []


def test_what_a_run_writes_has_the_rights_of_any_file(tmp_path):
    """A colleague who may read the folder may read the run."""
    _, run = run_suite(tmp_path, only=["A"])
    plain = (tmp_path / "tiny.toml").stat().st_mode
    written = [path for path in run.directory.rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.name for path in written} >= {"run.json", "row.json", "state.npz"}
    assert {path.stat().st_mode for path in written} == {plain}
