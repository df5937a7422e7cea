"""What a call shows while it trains."""

from __future__ import annotations

from harness.errors import HarnessError, shown
from harness.live.choice import display
from harness.live.lines import Quiet


def watching_of(progress: object, *, kept: bool = True) -> Quiet:
    """Return the display that an argument ``progress`` asks for: None, True or False; ``kept`` as in `display`.

    Raises:
        HarnessError: it is something else.
    """
    if progress is not None and not isinstance(progress, bool):
        msg = f"progress {shown(progress)}: give True, False or None, which shows it on a terminal and in a notebook"
        raise HarnessError(msg)
    return Quiet() if progress is False else display(elsewhere=progress is True, kept=kept)
