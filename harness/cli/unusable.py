"""Says which of several datasets a command cannot use, each once."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cli.printing import say
from harness.errors import HarnessError


def say_unusable(unusable: Mapping[str, HarnessError], datasets: int, what: str) -> None:
    """Say why a command of several datasets cannot use some, by their labels; ``what``: what becomes of them.

    Raises:
        HarnessError: it can use none. Where all have the same reason, that alone.
    """
    if len(unusable) < datasets:
        for label, error in unusable.items():
            say(f"{label}: {what}: {error}", err=True)
        return
    (first, reason), *others = unusable.items()
    if all(str(error) == str(reason) for _, error in others):
        raise reason
    for label, error in others:
        say(f"{label}: {what}: {error}", err=True)
    msg = f"{first}: {reason}"
    raise HarnessError(msg)
