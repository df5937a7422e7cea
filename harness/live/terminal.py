"""A run as a live picture on a terminal: a line for each running trial and one for all, below those of ended ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

from tabulate import tabulate

from harness import hookimpl
from harness.live.lines import Lines
from harness.live.trials import HEADINGS, bar

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESHES = 2
"""How often a second it is drawn again."""
_ALIGNED = ("left", "right", "left", "right", "right", "right", "right", "right")


class Live(Lines):
    """Draws on standard error while it is entered. What others print meanwhile is above the picture.

    However the block ends, the terminal is as before: the cursor is never hidden for long, and an interrupt cannot
    end the removal of the picture half way.
    """

    def __init__(self, *, kept: bool = True) -> None:
        from rich.console import Console
        from rich.live import Live as Picture

        super().__init__(kept=kept)
        # This very stream: while a trial runs in this process, `sys.stderr` is its log for the thread that draws.
        self._console = Console(file=sys.stderr, highlight=False, emoji=False)
        self._picture = Picture(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=REFRESHES,
            transient=True,
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),  # a file gets what is printed to it
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        try:
            self._picture.start()
            self._console.show_cursor(True)  # a process that is killed cannot show it again
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the picture; the lines stay."""
        ending = Thread(target=self._picture.stop, name="end of the picture")  # which no interrupt reaches
        ending.start()
        ending.join()

    @hookimpl
    def trial_started(self, trial: Mapping[str, Any]) -> None:
        """Add a trial's line."""
        self._watched.started(trial)

    @hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Update a trial's line."""
        self._watched.trained(trial, epoch)

    @hookimpl
    def trial_lost(self, trial: Mapping[str, Any], reason: str) -> None:
        """Remove a trial's line."""
        self._watched.left(trial)
        super().trial_lost(trial, reason)

    @hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Remove a trial's line."""
        self._watched.left(row)
        super().trial_finished(row)

    def _write(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)  # the terminal wraps a path so that it can be copied

    def _render(self) -> RenderableType:
        from rich.text import Text

        watched = self._watched
        # Laid out by tabulate, in a tenth of the time that a table of rich takes.
        drawn = tabulate(watched.rows(), HEADINGS, tablefmt="plain", disable_numparse=True, colalign=_ALIGNED)
        # No row of it: the times would widen a column.
        below = f"{watched.whole()}  {bar(watched.ended, watched.trials)}  {watched.times()}"
        return Text(f"{drawn}\n{below}", no_wrap=True, overflow="ellipsis")
