"""Observers have threads: a slow one delays nothing, one that raises or hangs is not called again, in a line each."""

import sys
import threading
from contextlib import suppress

import pytest

from harness import hookimpl
from harness.plugins import observing
from harness.plugins.loading import registry
from harness.plugins.observers import Observers
from tests.plugins_on_disk import distribution
from tests.tiny import TINY, run_suite


@pytest.fixture
def watched():
    """Return a function that registers a plugin and gives the observers."""
    registered = []

    def watch(plugin, name="watching"):
        registry().manager.register(plugin, name)
        registered.append(plugin)
        return Observers(registry().manager)

    yield watch
    for plugin in registered:
        registry().manager.unregister(plugin)


class Tracker:
    """An observer whose first epoch takes until it is released."""

    def __init__(self):
        self.released, self.entered = threading.Event(), threading.Event()
        self.calls = []

    @hookimpl
    def epoch_finished(self, epoch):
        """Wait."""
        self.entered.set()
        self.released.wait(60)
        self.calls.append(epoch)

    @hookimpl
    def trial_finished(self, row):
        """Note it."""
        self.calls.append(row)


def test_a_slow_observer_delays_neither_a_row_nor_another_observer(tmp_path, watched, watcher):
    """Rows are on disk, and the other has seen their ends, while the first call of its first epoch goes on."""
    tracker = Tracker()
    watched(tracker)
    written = []

    class Releasing:
        """Lets the tracker go on when the last trial has its row."""

        @hookimpl
        def trial_finished(self, row):
            """Note what is on disk."""
            written.append((row["experiment"], tracker.calls[:]))
            if len(written) == 3:
                tracker.released.set()

    watched(Releasing(), "releasing")
    outcome, _ = run_suite(tmp_path)
    assert not outcome.faulty
    assert [calls for _, calls in written] == [[], [], []]
    assert watcher.epochs == len([call for call in tracker.calls if isinstance(call, dict) and "epoch" in call]) == 9
    ends = [call["experiment"] for call in tracker.calls if "experiment" in call]
    assert ends == [experiment for experiment, _ in written]


def test_a_full_queue_drops_epochs_and_no_end(monkeypatch, watched):
    """And says it once, with how many."""
    monkeypatch.setattr(observing, "MOST_WAITING", 2)
    tracker = Tracker()
    watching = watched(tracker)
    watching.epoch_finished(trial={}, epoch=0)
    assert tracker.entered.wait(60)
    for number in range(1, 1203):
        watching.epoch_finished(trial={}, epoch=number)
    for number in range(5):
        watching.trial_finished(row=f"row {number}")
    tracker.released.set()
    watching.close()
    assert tracker.calls == [0, 1, 2, *(f"row {number}" for number in range(5))]
    assert watching.faulty == {"watching.epoch_finished": "missed 1,200 calls: the observer was too slow"}


def held_in_its_first_call(watched):
    """Return an observer that is in its first call, and what it observes: two more epochs and an end wait."""
    tracker = Tracker()
    watching = watched(tracker)
    for number in range(3):
        watching.epoch_finished(trial={}, epoch=number)
    watching.trial_finished(row="row")
    assert tracker.entered.wait(60)
    return tracker, watching


def test_the_end_of_a_run_names_an_observer_that_does_not_return(watched):
    """It waits for it with a limit; epochs that wait are dropped before ends."""
    tracker, watching = held_in_its_first_call(watched)
    watching.close(0.05)
    assert watching.faulty == {
        "watching.epoch_finished": "had not returned when the run ended and missed 2 calls",
        "watching.trial_finished": "missed 1 call: the observer was too slow",
    }
    tracker.released.set()


def test_at_the_end_ends_are_worth_more_waiting_than_epochs(watched):
    """What is best effort goes first; the observer then gets the ends in the time that is left."""
    tracker, watching = held_in_its_first_call(watched)
    observer = watching._observers["watching"]
    dropping = observer.leave_out

    def drop():
        dropping()
        tracker.released.set()

    observer.leave_out = drop
    watching.close(0.9)
    assert tracker.calls == [0, "row"]
    assert watching.faulty == {"watching.epoch_finished": "missed 2 calls: the observer was too slow"}


class Endless:
    """An observer that never returns."""

    def __init__(self):
        self.ends = []

    @hookimpl
    def epoch_finished(self):
        """Go on for ever, whatever is raised once."""
        with suppress(BaseException):
            while True:
                pass
        while True:
            pass

    @hookimpl
    def trial_finished(self, row):
        """Note it."""
        self.ends.append(row)


def test_a_call_that_never_returns_is_ended(monkeypatch, watched):
    """The hook is not called again; others are."""
    monkeypatch.setattr(observing, "CALL_SECONDS", 0.05)
    monkeypatch.setattr(observing, "LOOK_SECONDS", 0.02)
    endless = Endless()
    watching = watched(endless)
    watching.epoch_finished(trial={}, epoch={})
    watching.trial_finished(row="row")
    watching.close(60)
    assert endless.ends == ["row"]
    assert watching.faulty == {"watching.epoch_finished": "took longer than 0.05 s: it was not called again"}


SOURCE = """
import harness
import {absent}

@harness.hookimpl
def epoch_finished(epoch):
    raise {error}("not my day")
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs an observer."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def install(**values):
        (tmp_path / "tiny.toml").write_text(TINY)
        distribution(tmp_path / "site", "harness-moody", "0.1", {"moody": SOURCE.format(**values)}, {"moody": "moody"})
        registry.cache_clear()

    yield install
    registry.cache_clear()
    sys.modules.pop("moody", None)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ValueError", "SystemExit", "GeneratorExit"])
def test_the_command_says_it_once_and_shows_a_traceback_for_debug(installed, typed, error):
    """The exit code is that of the trials."""
    installed(absent="json", error=error)
    line = f"observer harness-moody:moody.epoch_finished raised {error}: not my day: it was not called again"
    output = typed("run", "tiny.toml", "--only", "A", "--jobs", "0").err
    assert output.count(line) == 1
    assert "Traceback" not in output
    output = typed("run", "tiny.toml", "--only", "A", "--jobs", "0", "--fresh", "--debug").err
    assert output.count(line) == 1
    assert 'moody.py", line 7, in epoch_finished' in output


@pytest.mark.parametrize("options", [[], ["--quiet"], ["--debug"]])
def test_a_quarantined_observer_is_mentioned(installed, typed, options):
    """It observes nothing, and would not be missed; ``--debug`` shows where it failed."""
    installed(absent="no_such_module", error="ValueError")
    output = typed("run", "tiny.toml", "--only", "A", "--jobs", "0", *options).err
    line = "plugin moody (harness-moody 0.1) is quarantined: ModuleNotFoundError: No module named 'no_such_module'"
    assert output.count(line) == 1
    assert ('moody.py", line 3, in <module>' in output) == ("--debug" in options)
