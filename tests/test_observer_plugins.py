"""Observers as plugins: `harness plugins` lists them, the kit certifies them, and says what is wrong with one."""

import re
import sys
from time import sleep

import pytest

from harness import hookimpl
from harness.conformance import ObserverConformance
from harness.conformance.recorded import recording
from harness.plugins import observing
from harness.plugins.components import OBSERVER
from harness.plugins.loading import hooks_of, registry
from tests.command_line import module as command
from tests.conformance_kit import kit
from tests.plugins_on_disk import distribution

SOURCE = """
import harness

@harness.hookimpl
def run_finished(run):
    pass

@harness.hookimpl
def epoch_finished(epoch):
    pass
"""


class Fine:
    """Needs the metrics of rows that have some."""

    def __init__(self):
        self.calls = []

    @hookimpl
    def run_started(self, run):
        """Note it."""
        self.calls.append(["run", run["suite"]["suite"]["name"]])

    @hookimpl
    def trial_finished(self, row):
        """Note it."""
        self.calls.append([row["experiment"], row["status"], bool(row["metrics"]), bool(row["reason"])])

    @hookimpl
    def run_finished(self, run):
        """Note it."""
        self.calls.append(run["statuses"])


class Trusting:
    """Takes each trial to be done."""

    @hookimpl
    def trial_finished(self, row):
        """Fail."""
        return row["metrics"]["val_accuracy"]


class Endless:
    """Does not return."""

    @hookimpl
    def trial_lost(self):
        """Wait."""
        while True:
            sleep(0.01)


class Meddling:
    """Changes what it is given."""

    @hookimpl
    def trial_finished(self, row):
        """Take the history out."""
        row.pop("history")


class Slow:
    """Takes its time for epochs."""

    @hookimpl
    def epoch_finished(self):
        """Wait."""
        sleep(0.02)


class Unmarked:
    """Has a hook that is never called."""

    def trial_finished(self, row):
        """Do nothing."""


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Return the recorded calls."""
    return recording(tmp_path_factory.mktemp("recorded") / "run", registry())


def test_the_recorded_run_has_trials_of_every_end(calls):
    """Done, failed, timed out after it was lost, and one that never ran."""
    fine = Fine()
    ObserverConformance().test_takes_a_whole_run(fine, calls)
    assert fine.calls == [
        ["run", "recorded"],
        ["done", "done", True, False],
        ["failed", "failed", False, True],
        ["timed-out", "timed out", False, True],
        {"done": 1, "failed": 1, "timed out": 1, "unavailable": 1},
    ]
    assert [call.hook for call in calls].count("trial_lost") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("observer", "test", "message"),
    [
        (Trusting, "takes_a_whole_run", r"expected trial_finished to return; got that it raised TypeError: 'NoneType'"),
        (Trusting, "takes_a_whole_run", r"Traceback[\s\S]*in trial_finished"),
        (Endless, "takes_runs_one_after_another", r"trial_lost to return; got that it took longer than 0\.1 s"),
        (Meddling, "leaves_what_it_is_given", r"expected the arguments of trial_finished to be left as"),
        (Slow, "is_quicker_than_epochs", r"expected less than 0\.01 s for an epoch; got 0\.\d+ s; contract: Observers"),
        (Unmarked, "every_hook_is_marked", r"expected trial_finished with @harness\.hookimpl; got none"),
    ],
)
def test_a_broken_observer_is_explained(observer, test, message, tmp_path, monkeypatch):
    """In one line, and the traceback of what it raised."""
    monkeypatch.setattr(observing, "CALL_SECONDS", 0.1)
    monkeypatch.setattr(observing, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr("harness.conformance.observer._QUICK", 0.01)
    arguments = [recording(tmp_path / "run", registry())] if test != "every_hook_is_marked" else []
    with pytest.raises(pytest.fail.Exception) as caught:
        getattr(ObserverConformance(), f"test_{test}")(observer(), *arguments)
    assert re.search(message, str(caught.value))


def test_observers_are_components_of_their_plugins_name(tmp_path, monkeypatch):
    """With the hooks that observe, in the order in which they are called."""
    monkeypatch.syspath_prepend(tmp_path)
    distribution(tmp_path, "harness-lines", "0.3", {"harness_lines": SOURCE}, {"lines": "harness_lines"})
    try:
        component = registry().find(OBSERVER, "lines")
        assert (component.provenance, component.reference) == ("harness-lines 0.3", "harness-lines:lines")
        assert hooks_of(registry().manager, component.target) == ["epoch_finished", "run_finished"]
    finally:
        registry.cache_clear()
        sys.modules.pop("harness_lines", None)


@pytest.mark.slow
def test_plugins_lists_observers_and_the_kit_certifies_them(tmp_path):
    """By the plugin's name; an unknown one ends the run."""
    distribution(tmp_path, "harness-lines", "0.3", {"harness_lines": SOURCE}, {"lines": "harness_lines"})
    listed = command("harness", "plugins", cwd=tmp_path, PYTHONPATH=str(tmp_path), COLUMNS="1000")
    assert re.search(r"lines\s+epoch_finished, run_finished\s+harness-lines 0\.3", listed)
    done = kit(tmp_path, "--harness-observer", "lines")
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    done = kit(tmp_path, "--harness-observer", "line")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unknown observer 'line'. Did you mean 'lines'?" in done.stderr
