"""Calls the observers of a run; one that raises or is slow is reported and neither ends nor delays the run."""

import traceback
from collections.abc import Callable
from time import monotonic
from typing import Any

import pluggy

from harness.errors import one_line
from harness.plugins.foreign import foreign

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
CALL_SECONDS = 30.0
"""The limit of a call, which then ends."""
ALLOWED_SECONDS = 10.0
"""How long all calls of a hook may take together, in a run of any length."""
ALLOWED_SHARE = 0.05
"""The share of the run's time that they may take beyond that."""


class Observers:
    """Calls the hooks of `harness.hookspecs` that observe a run, as methods of the same names.

    A hook that raised or took too long is not called again. ``faulty`` says what each such hook did, by plugin and
    hook; ``tracebacks`` has the tracebacks.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self.faulty: dict[str, str] = {}
        self.tracebacks: dict[str, str] = {}
        self._started = monotonic()
        self._taken: dict[str, float] = {}
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

    def _caller(self, name: str) -> Callable[..., None]:
        hook = getattr(self._manager.hook, name)

        def call(**arguments: Any) -> None:
            for implementation in hook.get_hookimpls():
                place = f"{implementation.plugin_name}.{name}"
                if place not in self.faulty:
                    values = [arguments[key] for key in implementation.argnames]
                    self._observe(place, implementation.function, values)

        return call

    def _observe(self, place: str, function: Callable[..., None], values: list[Any]) -> None:
        began = monotonic()
        try:
            with foreign(CALL_SECONDS, aside=False):
                function(*values)
        except Exception as error:  # noqa: BLE001 - an observer must not end the run
            self.faulty[place] = f"raised {one_line(error)}"
            self.tracebacks[place] = "".join(traceback.format_exception(error))
            return
        ended = monotonic()
        taken = self._taken[place] = self._taken.get(place, 0.0) + ended - began
        if taken > ALLOWED_SECONDS + ALLOWED_SHARE * (ended - self._started):
            self.faulty[place] = f"took {taken:.0f} s, which delayed the run"
