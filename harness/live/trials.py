"""What is shown of trials: a row of each that is running, and how each ended."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from harness.text import counted, spoken

HEADINGS = ("trial", "epoch", "", "left", "val acc", "val loss", "train loss", "samples/s")
"""Of the cells of a running trial; a narrow terminal cuts the last ones off."""
_BAR = 8


class Running:
    """A running trial and its last epoch."""

    def __init__(self, trial: Mapping[str, Any]) -> None:
        self.trial = trial
        self.epoch: Mapping[str, Any] | None = None

    @property
    def done(self) -> tuple[int, int]:
        """The number of finished epochs, and the most there can be."""
        return (self.epoch["epoch"] if self.epoch else 0), self.trial["epochs"]

    def cells(self) -> list[str]:
        """Return the cells of its row: epochs, the most that is left, and the last epoch's metrics."""
        done, most = self.done
        begun = [name_of(self.trial), f"{done}/{most}", bar(done, most)]
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


class Watched:
    """What is known of a run that is being watched: how many trials ended, and those that are running."""

    def __init__(self) -> None:
        self.trials = self.ended = self.tested = 0
        self.predicted: float | None = None
        """Seconds of training, where something like it has run here."""
        self._running: dict[tuple[str, int], Running] = {}
        self._began = monotonic()

    def begin(self, run: Mapping[str, Any]) -> None:
        """Take the numbers of a run that starts."""
        self.trials, self.ended = run["trials"], run["trials"] - run["pending"]
        self.predicted = run["predicted_seconds"]

    def started(self, trial: Mapping[str, Any]) -> None:
        """Add a running trial."""
        self._running[trial["experiment"], trial["seed"]] = Running(trial)

    def trained(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Note a trial's last epoch."""
        if running := self._running.get((trial["experiment"], trial["seed"])):
            running.epoch = epoch

    def left(self, trial: Mapping[str, Any]) -> None:
        """Remove a running trial: it ended, or was lost."""
        self._running.pop((trial["experiment"], trial["seed"]), None)

    def rows(self) -> list[list[str]]:
        """Return the cells of the running trials; another thread may add one meanwhile."""
        return [running.cells() for running in list(self._running.values())]

    def whole(self) -> str:
        """Return how many trials have ended."""
        tested = f", {self.tested:,} tested" if self.tested else ""
        return f"{self.ended:,} of {counted(self.trials, 'trial')} ended{tested}"

    def times(self) -> str:
        """Return how long the run takes already, and about how long its training was predicted to take."""
        predicted = f" of about {spoken(self.predicted)}" if self.predicted is not None else ""
        return f"{spoken(monotonic() - self._began)}{predicted}"


def bar(done: int, most: int) -> str:
    """Return a bar of text.

    >>> bar(1, 4)
    '━━╌╌╌╌╌╌'
    """
    full = round(_BAR * done / max(most, 1))
    return "━" * full + "╌" * (_BAR - full)


def name_of(trial: Mapping[str, Any]) -> str:
    """Return a trial's name and backend."""
    return f"{trial['experiment']} seed {trial['seed']} on {trial['backend']}"


def ending_of(row: Mapping[str, Any]) -> str:
    """Return how a trial ended."""
    metrics = row["metrics"]
    if row["status"] != "done" or not metrics:
        return f"{row['status']}: {row['reason']}"
    epochs = counted(metrics["epochs"], "epoch")
    return f"{epochs} in {spoken(metrics['seconds'])}, val accuracy {metrics['val_accuracy']:.2%}"
