"""The progress of a run in a notebook: one line of HTML that is drawn again in its place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from html import escape
from time import monotonic
from typing import Any

from harness import hookimpl
from harness.text import counted, spoken

_PAUSE = 0.5
"""Seconds between two drawings, at least; the last one is always made."""


def in_notebook() -> bool:
    """Return whether this process is a notebook's kernel, which shows HTML."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


class Progress:
    """Draws how many trials have ended, which one said something last, and the time; an observer of one run."""

    def __init__(self) -> None:
        self._began = self._drawn = monotonic()
        self._all = self._ended = self._evaluated = 0
        self._predicted: float | None = None
        self._last = ""
        self._display: Any = None

    @hookimpl
    def run_started(self, run: Mapping[str, Any]) -> None:
        """Begin to draw."""
        from IPython.display import HTML, display

        self._all, self._ended = run["trials"], run["trials"] - run["pending"]
        self._predicted = run["predicted_seconds"]
        self._display = display(HTML(self.html()), display_id=True)  # type: ignore[no-untyped-call] # IPython's

    @hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Note a trial's epoch."""
        what = f"epoch {epoch['epoch']} of at most {trial['epochs']}, val accuracy {epoch['val_accuracy']:.2%}"
        self._draw(f"{trial['experiment']} seed {trial['seed']}: {what}")

    @hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Count a trial."""
        self._ended += 1
        self._draw(f"{row['experiment']} seed {row['seed']}: {row['status']}")

    @hookimpl
    def trial_evaluated(self, row: Mapping[str, Any]) -> None:
        """Count a tested trial."""
        self._evaluated += 1
        self._draw(f"{row['experiment']} seed {row['seed']}: tested")

    @hookimpl
    def run_finished(self, run: Mapping[str, Any]) -> None:
        """Draw the end."""
        self._predicted = None
        statuses = ", ".join(f"{count} {status}" for status, count in run["statuses"].items())
        self._draw(statuses, last=True)

    def html(self) -> str:
        """Return the line."""
        predicted = f" of about {spoken(self._predicted)}" if self._predicted is not None else ""
        tested = f", {self._evaluated} tested" if self._evaluated else ""
        text = f"{self._ended} of {counted(self._all, 'trial')} ended{tested} · {spoken(monotonic() - self._began)}"
        about = escape(f"{text}{predicted}{f' · {self._last}' if self._last else ''}")
        return f'<progress value="{self._ended}" max="{max(self._all, 1)}"></progress> {about}'

    def _draw(self, text: str, *, last: bool = False) -> None:
        from IPython.display import HTML

        self._last = text
        if self._display and (last or monotonic() - self._drawn >= _PAUSE):
            self._drawn = monotonic()
            self._display.update(HTML(self.html()))  # type: ignore[no-untyped-call] # IPython's
