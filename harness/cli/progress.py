"""What a run says while it goes: plain lines on standard error, as an observer of the run's hooks."""

from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Any

import typer

from harness import hookimpl

EPOCH_SECONDS = 10.0
"""A long trial says at most this often where it stands."""


class Progress:
    """Prints a line when a trial ends, and now and then one while it goes."""

    def __init__(self) -> None:
        self._trials = 0
        self._ended = 0
        self._last_line = monotonic()

    @hookimpl
    def run_started(self, run: Mapping[str, Any]) -> None:
        """Say how much there is to do."""
        self._trials = run["trials"]
        self._ended = run["reused"]
        reused = f", {self._ended} already done" if self._ended else ""
        self._say(f"{self._trials} trials{reused}; results in {run['directory']}")

    @hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Say where a long trial stands."""
        if monotonic() - self._last_line >= EPOCH_SECONDS:
            self._say(
                f"{_name(trial)}: epoch {epoch['epoch']} of at most {trial['epochs']}, "
                f"val loss {epoch['val_loss']:.4f}, val accuracy {epoch['val_accuracy']:.2%}, "
                f"{epoch['samples_per_second']:,.0f} samples/s"
            )

    @hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Say how a trial ended."""
        self._ended += 1
        metrics = row["metrics"]
        if metrics:
            epochs = f"{metrics['epochs']} epoch{'s' if metrics['epochs'] > 1 else ''}"
            told = f"{epochs} in {metrics['seconds']:.1f} s, val accuracy {metrics['val_accuracy']:.2%}"
        else:
            told = f"{row['status']}: {row['reason']}"
        self._say(f"[{self._ended}/{self._trials}] {_name(row)}: {told}")

    def _say(self, text: str) -> None:
        self._last_line = monotonic()
        typer.echo(f"{datetime.now().astimezone():%H:%M:%S} {text}", err=True)


def _name(trial: Mapping[str, Any]) -> str:
    return f"{trial['experiment']} seed {trial['seed']} on {trial['backend']}"
