"""The run's observers, first-party or not: one that raises is reported, and ends nothing."""

from collections.abc import Callable
from typing import Any

import pluggy

from harness.errors import one_line

OBSERVED = (
    "run_started",
    "trial_started",
    "epoch_finished",
    "trial_lost",
    "trial_finished",
    "trial_evaluated",
    "run_finished",
)


class Observers:
    """Calls the hooks of `harness.hookspecs` that observe a run, as methods of the same names.

    ``faulty`` collects, in words, each observer that raised, once for each hook of its.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager
        self.faulty: dict[str, str] = {}
        for name in OBSERVED:
            setattr(self, name, self._caller(name))

    run_started: Callable[..., None]
    trial_started: Callable[..., None]
    epoch_finished: Callable[..., None]
    trial_lost: Callable[..., None]
    trial_finished: Callable[..., None]
    trial_evaluated: Callable[..., None]
    run_finished: Callable[..., None]

    def _caller(self, name: str) -> Callable[..., None]:
        hook = getattr(self._manager.hook, name)

        def call(**arguments: Any) -> None:
            for implementation in hook.get_hookimpls():
                place = f"{implementation.plugin_name}.{name}"
                try:
                    implementation.function(*(arguments[key] for key in implementation.argnames))
                except (Exception, SystemExit) as error:  # noqa: BLE001 - it watches a run, no more
                    self.faulty.setdefault(place, one_line(error))

        return call
