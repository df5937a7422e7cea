"""Which backends work on this machine, for the commands that list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.plugins.loading import Registry


def backend_states(registry: Registry) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Return for each backend ``"yes"``, or ``"no: "`` and why it does not work here, and its environment.

    Each is asked in a worker, so that one that hangs or exits does not hide another.
    """
    from harness.execution import apart
    from harness.execution.pools.choice import pool_of

    states: dict[str, tuple[str, Mapping[str, str]]] = {}
    named = sorted(registry.named("backend").items())
    with pool_of(1, 1, registry) as pool:
        for own in (True, False):
            names = [name for name, component in named if component.own is own]
            components = [component for _, component in named if component.own is own]
            for name, state in zip(names, apart.ask(pool, apart.backend_states, components), strict=True):
                reason = state.reason  # a `Failure` has one, too
                states[name] = ("yes", state.environment) if reason is None else (f"no: {reason}", {})
    return dict(sorted(states.items()))
