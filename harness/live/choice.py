"""Which display a run has."""

from __future__ import annotations

import os
import sys
from threading import current_thread, main_thread

from harness.live.lines import Lines, Quiet
from harness.live.notebook import Notebook, in_notebook

_DUMB = {"dumb", "unknown"}
"""Values of TERM for terminals that cannot move the cursor."""


def display(*, elsewhere: bool, kept: bool = True) -> Quiet:
    """Return the display of a run: in a notebook HTML, on a terminal a live picture.

    ``elsewhere``: lines where standard error is neither, and in a thread beside the main one, whose program may draw
    something else; otherwise nothing there. ``kept``: whether the run's directory stays, and is to be named.
    """
    if in_notebook():
        return Notebook(kept=kept)
    if current_thread() is main_thread() and _draws():
        from harness.live.terminal import Live

        return Live(kept=kept)
    return Lines(kept=kept) if elsewhere and sys.stderr is not None else Quiet()


def _draws() -> bool:
    """Return whether standard error is a terminal that can be drawn on."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return terminal and os.environ.get("TERM", "").lower() not in _DUMB
