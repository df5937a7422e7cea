"""Calls the observers of a run, each in a thread; one that raises, is slow or hangs is reported and delays nothing."""

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

import pluggy

from harness.plugins.observing import Call, Observer

OBSERVED = (
    "run_started",
    "trial_started",
    "epoch_finished",
    "trial_remarked",
    "trial_lost",
    "trial_finished",
    "trial_evaluated",
    "run_finished",
)
END_SECONDS = 30.0
"""How long the end of a run waits for observers; after two thirds of it, calls that are best effort are left out."""
INTERRUPTED_SECONDS = 2.0
"""How long it waits when the user has interrupted the run."""


class Observers:
    """Calls the hooks of `harness.hookspecs` that observe a run, as methods of the same names, which return at once.

    Each plugin has a thread, and calls that wait for it, in the order in which they happened. `close` waits for them.
    ``faulty`` says what each hook did that raised, was slow or never returned, by plugin and hook; ``tracebacks`` has
    the tracebacks. ``calls`` counts what there was to observe, by hook, whether or not anything observes it.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self.faulty: dict[str, str] = {}
        self.tracebacks: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self._observers: dict[str, Observer] = {}
        for name in OBSERVED:
            setattr(self, name, self._caller(name))

    run_started: Callable[..., None]
    trial_started: Callable[..., None]
    epoch_finished: Callable[..., None]
    trial_remarked: Callable[..., None]
    trial_lost: Callable[..., None]
    trial_finished: Callable[..., None]
    trial_evaluated: Callable[..., None]
    run_finished: Callable[..., None]

    def close(self, seconds: float = END_SECONDS) -> None:
        """Wait until all calls were made, at most ``seconds``; then note which were not."""
        began = monotonic()
        observers, self._observers = self._observers, {}
        for observer in observers.values():
            observer.close()
        for observer in observers.values():
            if not observer.join(began + seconds * 2 / 3 - monotonic()):
                observer.leave_out()
        for observer in observers.values():
            observer.join(began + seconds - monotonic())
            observer.conclude()
            self.faulty |= observer.faults
            self.tracebacks |= observer.tracebacks

    def _caller(self, name: str) -> Callable[..., None]:
        hook = getattr(self._manager.hook, name)

        def call(**arguments: Any) -> None:
            self.calls[name] += 1
            for implementation in hook.get_hookimpls():
                plugin = implementation.plugin_name
                if plugin not in self._observers:
                    self._observers[plugin] = Observer(plugin)
                values = [arguments[key] for key in implementation.argnames]
                self._observers[plugin].put(Call(name, f"{plugin}.{name}", implementation.function, values))

        return call
