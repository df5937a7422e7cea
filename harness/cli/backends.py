"""Which backends work on this machine, for the commands that list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cli.options import pool_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.plugins.loading import Registry


def backend_states(found: Registry) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Return whether each backend works here, or why not, and its environment; none that hangs or exits hides another.

    Each is asked in a worker.
    """
    from harness.execution.apart import ask, backend_states

    told: dict[str, tuple[str, Mapping[str, str]]] = {}
    named = sorted(found.named("backend").items())
    with pool_of(1, 1) as pool:
        for own in (True, False):
            some = [(name, one) for name, one in named if one.own is own]
            for (name, _), state in zip(some, ask(pool, backend_states, [one for _, one in some]), strict=True):
                reason = state.reason  # a `Failure` has one, too
                told[name] = ("yes", state.environment) if reason is None else (f"no: {reason}", {})
    return dict(sorted(told.items()))
