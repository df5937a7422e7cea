"""The progress of a run: an observer of its hooks that writes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from tabulate import tabulate

from harness import hookimpl
from harness.cli.printing import say
from harness.text import counted, spoken

if TYPE_CHECKING:
    from rich.console import RenderableType

EPOCH_SECONDS = 10.0
"""Without a terminal, the seconds between two lines about running trials, at least."""
REFRESHES = 2
"""How often a second a terminal is redrawn."""
_HEADINGS = ("trial", "epoch", "", "left", "val acc", "val loss", "train loss", "samples/s")
"""A narrow terminal cuts the last ones off."""
_ALIGNED = ("left", "right", "left", "right", "right", "right", "right", "right")
_BAR = 8


def display(*, quiet: bool) -> Quiet:
    """Return the display of a run: nothing, a live picture on a terminal, lines elsewhere."""
    if quiet:
        return Quiet()
    return Live() if sys.stderr.isatty() else Lines()


class Quiet:
    """Prints nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""


class Lines(Quiet):
    """Prints a line with the time when a trial ends, and a line now and then while it runs."""

    def __init__(self) -> None:
        self._trials = 0
        self._ended = 0
        self._predicted: float | None = None
        self._last_line = monotonic()

    @hookimpl
    def run_started(self, run: Mapping[str, Any]) -> None:
        """Print how many trials there are, and how long they will take."""
        self._trials = run["trials"]
        self._ended = run["trials"] - run["pending"]
        reused = f", {run['reused']:,} already done" if run["reused"] else ""
        self._predicted = run["predicted_seconds"]
        predicted = ""
        if self._predicted is not None:
            about = f"about {spoken(self._predicted)}" if self._predicted >= 1 else "less than 1 s"
            predicted = f"; {about} of training"
        self._say(f"{counted(self._trials, 'trial')}{reused}{predicted}; results in {run['directory']}")

    @hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Print how far a long trial is."""
        if monotonic() - self._last_line >= EPOCH_SECONDS:
            self._say(
                f"{_name(trial)}: epoch {epoch['epoch']} of at most {trial['epochs']}, "
                f"val loss {epoch['val_loss']:.4f}, val accuracy {epoch['val_accuracy']:.2%}, "
                f"{epoch['samples_per_second']:,.0f} samples/s"
            )

    @hookimpl
    def trial_remarked(self, trial: Mapping[str, Any], remark: str) -> None:
        """Print a trial's remark."""
        self._say(f"{_name(trial)}: {remark}")

    @hookimpl
    def trial_lost(self, trial: Mapping[str, Any], reason: str) -> None:
        """Print that a trial's process died, or its node was lost."""
        self._say(f"{_name(trial)}: {reason}; the trial will run once more")

    @hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Print how a trial ended."""
        self._ended += 1
        self._say(f"[{self._ended}/{self._trials}] {_name(row)}: {_ending(row)}")

    @hookimpl
    def trial_evaluated(self, row: Mapping[str, Any]) -> None:
        """Print the test accuracy, or why there is none."""
        evaluation = row["evaluation"]
        result = _ending(row)
        if evaluation:
            accuracy = evaluation["measures"][0]["values"]["test_accuracy"]
            result = f"tested in {spoken(evaluation['seconds'])}, accuracy {accuracy:.2%}"
        self._say(f"{_name(row)}: {result}")

    def _say(self, text: str) -> None:
        self._last_line = monotonic()
        say(f"{datetime.now().astimezone():%H:%M:%S} {text}", err=True)


class Live(Lines):
    """On a terminal: draws a line for each running trial and one for the run, below the lines of ended trials."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as Picture

        super().__init__()
        self._started = monotonic()
        self._running: dict[tuple[str, int], _Running] = {}
        self._console = Console(stderr=True, highlight=False)
        self._picture = Picture(
            console=self._console, get_renderable=self._render, refresh_per_second=REFRESHES, transient=True
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._picture.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the picture; the lines stay."""
        self._picture.stop()

    @hookimpl
    def trial_started(self, trial: Mapping[str, Any]) -> None:
        """Add a trial's line."""
        self._running[trial["experiment"], trial["seed"]] = _Running(trial)

    @hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Update a trial's line."""
        running = self._running.get((trial["experiment"], trial["seed"]))
        if running:
            running.epoch = epoch

    @hookimpl
    def trial_lost(self, trial: Mapping[str, Any], reason: str) -> None:
        """Remove a trial's line."""
        self._running.pop((trial["experiment"], trial["seed"]), None)
        super().trial_lost(trial, reason)

    @hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Remove a trial's line."""
        self._running.pop((row["experiment"], row["seed"]), None)
        super().trial_finished(row)

    def _say(self, text: str) -> None:
        self._console.print(f"{datetime.now().astimezone():%H:%M:%S} {text}", markup=False)

    def _render(self) -> RenderableType:
        from rich.text import Text

        # The dictionary may grow in the other thread meanwhile.
        lines = [running.cells() for running in list(self._running.values())]
        whole = f"{self._ended} of {counted(self._trials, 'trial')} ended"
        predicted = f" of about {spoken(self._predicted)}" if self._predicted is not None else ""
        elapsed = f"{spoken(monotonic() - self._started)}{predicted}"
        lines.append([whole, "", _bar(self._ended, self._trials), elapsed, "", "", "", ""])
        # Laid out by tabulate, in a tenth of the time that a table of rich takes.
        drawn = tabulate(lines, _HEADINGS, tablefmt="plain", disable_numparse=True, colalign=_ALIGNED)
        return Text(drawn, no_wrap=True, overflow="ellipsis")


class _Running:
    """A running trial and its last epoch."""

    def __init__(self, trial: Mapping[str, Any]) -> None:
        self.trial = trial
        self.epoch: Mapping[str, Any] | None = None
        self._started = monotonic()

    @property
    def done(self) -> tuple[int, int]:
        """The number of finished epochs, and the most there can be."""
        return (self.epoch["epoch"] if self.epoch else 0), self.trial["epochs"]

    def cells(self) -> list[str]:
        """Return the cells of its line: epochs, the most that is left, and the last epoch's metrics."""
        done, most = self.done
        begun = [_name(self.trial), f"{done}/{most}", _bar(done, most)]
        if self.epoch is None:
            return [*begun, "", "", "", "", ""]
        epoch = self.epoch
        left = (most - done) * (epoch["seconds"] + epoch["validation_seconds"])
        return [
            *begun,
            f"≤ {spoken(left)}",
            f"{epoch['val_accuracy']:.2%}",
            f"{epoch['val_loss']:.4f}",
            f"{epoch['train_loss']:.4f}",
            f"{epoch['samples_per_second']:,.0f}",
        ]


def _bar(done: int, most: int) -> str:
    full = round(_BAR * done / max(most, 1))
    return "━" * full + "╌" * (_BAR - full)


def _name(trial: Mapping[str, Any]) -> str:
    return f"{trial['experiment']} seed {trial['seed']} on {trial['backend']}"


def _ending(row: Mapping[str, Any]) -> str:
    metrics = row["metrics"]
    if row["status"] != "done" or not metrics:
        return f"{row['status']}: {row['reason']}"
    epochs = counted(metrics["epochs"], "epoch")
    return f"{epochs} in {spoken(metrics['seconds'])}, val accuracy {metrics['val_accuracy']:.2%}"
