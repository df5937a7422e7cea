"""What an observer of runs must do to be certified."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, ClassVar

import pluggy
import pytest

from harness import hookspecs
from harness.conformance.clauses import broken, require, require_equal
from harness.conformance.recorded import Recorded, recording
from harness.conformance.target import Conformance, Target
from harness.plugins.components import OBSERVER, Kind
from harness.plugins.loading import registry
from harness.plugins.observers import OBSERVED, Observers

_QUICK = 0.5
"""Seconds that half of its calls for epochs may take: where epochs are quicker than the observer, some are left out."""
_EPOCHS = 30
_PATIENCE = 120.0
"""Seconds for all calls of a run, whose limit is each call's: the first may load a library."""


class ObserverConformance(Conformance):
    """Tests of a plugin that observes runs, by the plugin's name: its hooks are called as a run calls them.

    The working folder is a new one. Where it sends what it is given is the test's business: a subclass has a fixture
    that sets the environment.
    """

    kind: ClassVar[Kind] = OBSERVER

    @pytest.fixture
    def plugin(self, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Return the plugin, with the working folder a new one."""
        plugin = target.component().target
        monkeypatch.chdir(tmp_path)
        return plugin

    @pytest.fixture
    def run(self, tmp_path: Path) -> list[Recorded]:
        """Return the calls of a recorded run; its files are there."""
        return recording(tmp_path / "runs" / "recorded", registry())

    def test_every_hook_is_marked(self, plugin: Any) -> None:
        """Observers: a hook is a function with a hook's name that `harness.hookimpl` marks."""
        clause = "Observers: harness.hookimpl marks a hook; without the mark it is never called"
        for name in OBSERVED:
            if callable(function := getattr(plugin, name, None)):
                require(hasattr(function, "harness_impl"), clause, f"{name} with @harness.hookimpl", "none")

    def test_takes_a_whole_run(self, plugin: Any, run: Sequence[Recorded]) -> None:
        """Observers: no call raises or hangs; trials may end done, failed, timed out, or be unavailable."""
        _play(plugin, run)

    def test_takes_runs_one_after_another(self, plugin: Any, run: Sequence[Recorded]) -> None:
        """Observers: a process may run several suites: one that is interrupted, one with nothing to train."""
        begun = [call for call in run if call.hook in {"run_started", "run_finished"}]
        interrupted = [*run[: len(run) // 2], begun[1]]
        for calls in (interrupted, begun, run, run):
            _play(plugin, calls)

    def test_leaves_what_it_is_given(self, plugin: Any, run: Sequence[Recorded]) -> None:
        """Observers: arguments are other observers' too."""
        before = [json.dumps(call.arguments) for call in run]
        _play(plugin, run)
        clause = "Observers: no argument is changed: other observers are given the same objects"
        for call, was in zip(run, before, strict=True):
            require_equal(json.dumps(call.arguments), was, clause, f"the arguments of {call.hook} to be left as")

    def test_is_quicker_than_epochs(self, plugin: Any, run: Sequence[Recorded]) -> None:
        """Observers: a call is short, or epochs are left out while calls wait."""
        seconds: list[float] = []
        spots = [index for index, call in enumerate(run) if call.hook == "epoch_finished"]
        calls = [*run[: spots[0]], *[run[spots[0]]] * _EPOCHS, *run[spots[0] :]]
        _play(plugin, calls, seconds)
        if not seconds:
            pytest.skip("it has no hook epoch_finished")
        clause = "Observers: a call is short: while 1,000 wait, epochs are left out"
        require(median(seconds) < _QUICK, clause, f"less than {_QUICK:g} s for an epoch", f"{median(seconds):.2g} s")


def _play(plugin: Any, calls: Sequence[Recorded], seconds: list[float] | None = None) -> None:
    """Call a plugin's hooks by the code that runs use; fail the test where a run would report a fault.

    ``seconds`` gets what each call of `epoch_finished` took.
    """
    manager = pluggy.PluginManager("harness")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name="observer")
    if seconds is not None:
        for implementation in manager.hook.epoch_finished.get_hookimpls():
            implementation.function = _timed(implementation.function, seconds)  # type: ignore[misc] # our manager's
    observers = Observers(manager)
    for call in calls:
        getattr(observers, call.hook)(**call.arguments)
    observers.close(_PATIENCE)
    for place, what in observers.faulty.items():
        hook = place.partition(".")[2]
        trace = f"\n{observers.tracebacks[place]}" if place in observers.tracebacks else ""
        broken("Observers: a call returns: it neither raises nor hangs", f"{hook} to return", f"that it {what}{trace}")


def _timed(function: Callable[..., object], seconds: list[float]) -> Callable[..., object]:
    def timed(*values: Any) -> None:
        began = perf_counter()
        function(*values)
        seconds.append(perf_counter() - began)

    return timed
