"""A run in a notebook: a bar and the running trials as HTML, drawn again in its place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from html import escape
from time import monotonic
from typing import Any

from harness import hookimpl
from harness.errors import escaped
from harness.live.lines import Quiet
from harness.live.trials import HEADINGS, Watched, ending_of, name_of

_PAUSE = 0.5
"""Seconds between two drawings, at least; the last one is always made."""


def in_notebook() -> bool:
    """Return whether this process is a notebook's kernel, which shows HTML."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


class Notebook(Quiet):
    """Draws how many trials have ended, the time, what happened last, and the trials that are running."""

    def __init__(self, *, kept: bool = True) -> None:
        self._watched = Watched()
        self._kept = kept
        self._drawn = monotonic()
        self._last = ""
        self._display: Any = None

    @hookimpl
    def run_started(self, run: Mapping[str, Any]) -> None:
        """Begin to draw."""
        self._watched.begin(run)
        self._draw(f"results in {run['directory']}" if self._kept else "", now=True)

    @hookimpl
    def trial_started(self, trial: Mapping[str, Any]) -> None:
        """Add a trial's row."""
        self._watched.started(trial)
        self._draw(self._last)

    @hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Update a trial's row."""
        self._watched.trained(trial, epoch)
        self._draw(self._last)

    @hookimpl
    def trial_lost(self, trial: Mapping[str, Any], reason: str) -> None:
        """Remove a trial's row."""
        self._watched.left(trial)
        self._draw(f"{name_of(trial)}: {reason}; the trial will run once more")

    @hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Remove a trial's row, and count it."""
        self._watched.left(row)
        self._watched.ended += 1
        self._draw(f"{name_of(row)}: {ending_of(row)}")

    @hookimpl
    def trial_evaluated(self, row: Mapping[str, Any]) -> None:
        """Count a tested trial."""
        self._watched.tested += 1
        self._draw(f"{name_of(row)}: tested")

    @hookimpl
    def run_finished(self, run: Mapping[str, Any]) -> None:
        """Draw the end."""
        self._watched.predicted = None
        self._draw(", ".join(f"{count} {status}" for status, count in run["statuses"].items()), now=True)

    def note(self, text: str, *, now: bool = True) -> None:
        """Draw a line about the run as a whole; without ``now`` only if nothing was drawn in the last moment."""
        self._draw(text, now=now)

    def html(self) -> str:
        """Return what is drawn."""
        watched = self._watched
        if not watched.trials:  # the run has not started
            return _text(self._last)
        last = f" · {self._last}" if self._last else ""
        about = _text(f"{watched.whole()} · {watched.times()}{last}")
        whole = f'<progress value="{watched.ended}" max="{max(watched.trials, 1)}"></progress> {about}'
        rows = watched.rows()
        if not rows:
            return whole
        heading = "".join(f"<th>{cell}</th>" for cell in HEADINGS)
        body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f"{whole}<table><tr>{heading}</tr>{body}</table>"

    def _draw(self, text: str, *, now: bool = False) -> None:
        self._last = text
        if not now and monotonic() - self._drawn < _PAUSE:
            return
        from IPython.display import display

        self._drawn = monotonic()
        # A console of a kernel shows the plain text.
        plain = f"{self._watched.whole()} · {self._last}" if self._watched.trials else self._last
        shown = {"text/html": self.html(), "text/plain": plain}
        if self._display is None:
            self._display = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call] # IPython's
        else:
            self._display.update(shown, raw=True)


def _text(text: str) -> str:
    return escape(escaped(text))
