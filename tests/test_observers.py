"""An observer that raises or is slow is not called again, and said so in a line; its traceback is for --debug."""

import sys

import pytest

from harness import hookimpl
from harness.plugins import observers
from harness.plugins.loading import registry
from harness.plugins.observers import Observers
from tests.plugins_on_disk import distribution
from tests.tiny import TINY


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """Stand in for the clock of the observers."""
    found = Clock()
    monkeypatch.setattr(observers, "monotonic", found)
    return found


@pytest.fixture
def watched():
    """Return a function that registers a plugin and gives the observers."""
    registered = []

    def watch(plugin):
        registry().manager.register(plugin, "watching")
        registered.append(plugin)
        return Observers(registry().manager)

    yield watch
    for plugin in registered:
        registry().manager.unregister(plugin)


class Slow:
    """An observer that takes its time."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.calls = clock, seconds, 0

    @hookimpl
    def epoch_finished(self):
        """Take some seconds."""
        self.clock.now += self.seconds
        self.calls += 1

    @hookimpl
    def trial_finished(self):
        """Take none."""
        self.calls += 100


def test_a_hook_that_delays_the_run_is_not_called_again(clock, watched):
    """Its other hooks are, and it says so once."""
    slow = Slow(clock, 4.0)
    found = watched(slow)
    for _ in range(10):
        clock.now += 1.0
        found.epoch_finished(trial={}, epoch={})
    found.trial_finished(row={})
    assert slow.calls == 103
    assert found.faulty == {"watching.epoch_finished": "took 12 s, which delayed the run"}


def test_a_hook_may_take_a_small_share_of_a_long_run(clock, watched):
    """A second after each minute, for hours."""
    slow = Slow(clock, 1.0)
    found = watched(slow)
    for _ in range(300):
        clock.now += 60.0
        found.epoch_finished(trial={}, epoch={})
    assert slow.calls == 300
    assert not found.faulty


class Endless:
    """An observer that never returns."""

    @hookimpl
    def trial_finished(self):
        """Go on for ever."""
        while True:
            pass


def test_a_call_that_never_returns_is_ended(monkeypatch, watched):
    """The run goes on."""
    monkeypatch.setattr(observers, "CALL_SECONDS", 0.2)
    found = watched(Endless())
    found.trial_finished(row={})
    assert found.faulty == {"watching.trial_finished": "raised took longer than 0.2 s"}


SOURCE = """
import harness
import {absent}

@harness.hookimpl
def epoch_finished(epoch):
    raise {error}("not my day")
"""


@pytest.fixture
def observing(tmp_path, monkeypatch):
    """Return a function that installs an observer."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def install(**values):
        (tmp_path / "tiny.toml").write_text(TINY)
        distribution(tmp_path / "site", "harness-moody", "0.1", {"moody": SOURCE.format(**values)}, {"moody": "moody"})
        registry.cache_clear()

    yield install
    registry.cache_clear()
    sys.modules.pop("moody", None)


@pytest.mark.parametrize("error", ["ValueError", "SystemExit", "GeneratorExit"])
def test_the_command_says_it_once_and_shows_a_traceback_for_debug(observing, typed, error):
    """The exit code is that of the trials."""
    observing(absent="json", error=error)
    line = f"observer harness-moody:moody.epoch_finished raised {error}: not my day: it was not called again"
    output = typed("run", "tiny.toml", "--only", "A", "--jobs", "0").err
    assert output.count(line) == 1
    assert "Traceback" not in output
    output = typed("run", "tiny.toml", "--only", "A", "--jobs", "0", "--fresh", "--debug").err
    assert output.count(line) == 1
    assert 'moody.py", line 7, in epoch_finished' in output


@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_a_quarantined_observer_is_mentioned(observing, typed, options):
    """It observes nothing, and would not be missed."""
    observing(absent="no_such_module", error="ValueError")
    output = typed("run", "tiny.toml", "--only", "A", "--jobs", "0", *options).err
    line = "plugin moody (harness-moody 0.1) is quarantined: ModuleNotFoundError: No module named 'no_such_module'"
    assert output.count(line) == 1
