"""What observers are given: plain values, complete, and copies that change nothing."""

import json
from pathlib import Path

import pytest

import harness
from harness import hookimpl
from harness.plugins.loading import registry
from harness.store import Run
from tests.tiny import run_suite


class Recorder:
    """Keeps what it is given, as JSON, and then spoils it."""

    def __init__(self):
        self.calls = {}

    @hookimpl
    def run_started(self, run):
        """Keep it."""
        self.calls["run_started"] = json.dumps(run)

    @hookimpl
    def trial_started(self, trial):
        """Keep it, then change it."""
        self.calls.setdefault("trial_started", []).append(json.dumps(trial))
        trial["settings"].clear()

    @hookimpl
    def epoch_finished(self, trial, epoch):
        """Keep it."""
        self.calls["epoch_finished"] = json.dumps([trial, epoch])

    @hookimpl
    def run_finished(self, run):
        """Keep it."""
        self.calls["run_finished"] = json.dumps(run)


@pytest.fixture
def recorded(tmp_path):
    """Return the calls of a run, parsed, and the run."""
    recorder = Recorder()
    registry().manager.register(recorder)
    try:
        outcome, _ = run_suite(tmp_path)
    finally:
        registry().manager.unregister(recorder)
    assert not outcome.faulty
    calls = {hook: json.loads(call) for hook, call in recorder.calls.items() if isinstance(call, str)}
    calls["trial_started"] = [json.loads(call) for call in recorder.calls["trial_started"]]
    return calls, Run.open(tmp_path / "run")


def test_the_start_says_what_runs_on_what_and_where(recorded):
    """The suite as `run.json` has it, the dataset, the machine, the version."""
    calls, run = recorded
    about = calls["run_started"]
    assert about["suite"] == run.suite.model_dump(mode="json")
    dataset = about["dataset"]
    assert [dataset[key] for key in ("name", "digest", "rows", "classes", "sizes")] == [
        run.dataset.name, run.dataset.digest, run.dataset.rows, len(run.dataset.class_names), run.dataset.sizes,
    ]  # fmt: skip
    assert {"system", "processor", "cores", "python"} <= set(about["environment"])
    assert about["harness"] == harness.__version__


def test_a_trial_has_its_settings_and_an_observer_that_changes_them_changes_no_row(recorded):
    """Those of the row, complete."""
    calls, run = recorded
    for trial in calls["trial_started"]:
        row = run.row(trial["experiment"], trial["seed"])
        assert trial["settings"] == row.settings
        assert (trial["parameters"], trial["backend"]) == (row.parameters, row.backend)
    assert calls["epoch_finished"][0] in calls["trial_started"]


def test_the_end_says_where_everything_is(recorded):
    """Each path is a file; each row of the run is among them."""
    calls, run = recorded
    files = calls["run_finished"]["files"]
    assert [Path(files[name]).name for name in ("run", "sums")] == ["run.json", "sums.npz"]
    assert [(trial["experiment"], trial["seed"]) for trial in files["trials"]] == run.planned
    paths = [files["run"], files["sums"], *(path for trial in files["trials"] for path in trial["files"])]
    assert all(Path(path).is_file() for path in paths + [trial["row"] for trial in files["trials"]])
    assert "state.npz" in {Path(path).name for path in files["trials"][0]["files"]}
