"""What a plugin says of itself, verified: where its images are, how it launches, its environment, names and reasons."""

from collections.abc import Mapping
from typing import Any

from harness.errors import TrialError, printable, shown
from harness.interfaces import Network

FACTS = 100
"""Texts that a plugin may say of its environment."""
FACT_LENGTH = 300
"""Characters of each that are kept."""


def read_placement(network: Network) -> str:
    """Return where a network has its images.

    Raises:
        TrialError: it says something else than ``"stream"`` or ``"resident"``.
    """
    placement = getattr(network, "placement", None)
    for known in ("stream", "resident"):
        if isinstance(placement, str) and placement == known:
            return known
    msg = f"the network's placement is {shown(placement)}; the contract says 'stream' or 'resident'"
    raise TrialError(msg)


def read_launch(network: Network) -> dict[str, str]:
    """Return how a network launches its steps, as an entry of an environment; nothing where it does not say.

    Raises:
        TrialError: it says something else than ``"graph"``, ``"eager"`` or None.
    """
    launch = getattr(network, "launch", None)
    if launch is None or (isinstance(launch, str) and launch in {"graph", "eager"}):
        return {"launch": str(launch)} if launch else {}
    msg = f"the network's launch is {shown(launch)}; the contract says 'graph', 'eager' or None"
    raise TrialError(msg)


def read_facts(facts: Any) -> dict[str, str]:
    """Return what a plugin says of its environment: texts of one line that any terminal and file can take.

    Raises:
        TrialError: it is not a mapping, or has over a hundred entries.
    """
    if not isinstance(facts, Mapping) or len(facts) > FACTS:
        got = f"{len(facts)} entries" if isinstance(facts, Mapping) else type(facts).__name__
        msg = f"the plugin's environment is {got}; the contract says a mapping of texts, {FACTS} at most"
        raise TrialError(msg)
    return {printable(str(key), FACT_LENGTH): printable(str(value), FACT_LENGTH) for key, value in facts.items()}


def read_reason(reason: Any) -> str | None:
    """Return why a plugin says that it is unavailable, in one line, or None.

    Raises:
        TrialError: it is neither.
    """
    if reason is None:
        return None
    if not isinstance(reason, str):
        msg = f"unavailable() returned {shown(reason)}; the contract says a text or None"
        raise TrialError(msg)
    return printable(reason)


def read_names(names: Any, method: str) -> tuple[str, ...]:
    """Return the names that a method of a plugin returned: keys, devices.

    Raises:
        TrialError: they are not a list of texts.
    """
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        msg = f"{method}() returned {shown(names)}; the contract says a list of texts"
        raise TrialError(msg)
    return tuple(printable(name, FACT_LENGTH) for name in names[:FACTS])
