"""A run as lines on standard error: an observer of its hooks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any, Self

from harness import hookimpl
from harness.errors import escaped
from harness.live.trials import Watched, ending_of, name_of
from harness.text import counted, predicted, spoken

EPOCH_SECONDS = 10.0
"""The seconds between two lines about running trials, at least."""


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def note(self, text: str) -> None:
        """Show a line about the run as a whole."""


class Lines(Quiet):
    """Writes a line with the time when a trial ends, and a line now and then while it runs."""

    def __init__(self, *, kept: bool = True) -> None:
        self._watched = Watched()
        self._kept = kept
        self._last_line = monotonic()

    @hookimpl
    def run_started(self, run: Mapping[str, Any]) -> None:
        """Write how many trials there are, and how long they will take."""
        self._watched.begin(run)
        reused = f", {run['reused']:,} already done" if run["reused"] else ""
        seconds = run["predicted_seconds"]
        training = "" if seconds is None else f"; {predicted(seconds)} of training"
        place = f"; results in {run['directory']}" if self._kept else ""
        self.note(f"{counted(run['trials'], 'trial')}{reused}{training}{place}")

    @hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Write how far a long trial is."""
        if monotonic() - self._last_line >= EPOCH_SECONDS:
            self.note(
                f"{name_of(trial)}: epoch {epoch['epoch']} of at most {trial['epochs']}, "
                f"val loss {epoch['val_loss']:.4f}, val accuracy {epoch['val_accuracy']:.2%}, "
                f"{epoch['samples_per_second']:,.0f} samples/s"
            )

    @hookimpl
    def trial_remarked(self, trial: Mapping[str, Any], remark: str) -> None:
        """Write a trial's remark."""
        self.note(f"{name_of(trial)}: {remark}")

    @hookimpl
    def trial_lost(self, trial: Mapping[str, Any], reason: str) -> None:
        """Write that a trial's process died, or its node was lost."""
        self.note(f"{name_of(trial)}: {reason}; the trial will run once more")

    @hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Write how a trial ended."""
        self._watched.ended += 1
        self.note(f"[{self._watched.ended}/{self._watched.trials}] {name_of(row)}: {ending_of(row)}")

    @hookimpl
    def trial_evaluated(self, row: Mapping[str, Any]) -> None:
        """Write the test accuracy, or why there is none."""
        self._watched.tested += 1
        evaluation = row["evaluation"]
        result = ending_of(row)
        if evaluation:
            accuracy = evaluation["measures"][0]["values"]["test_accuracy"]
            result = f"tested in {spoken(evaluation['seconds'])}, accuracy {accuracy:.2%}"
        self.note(f"{name_of(row)}: {result}")

    def note(self, text: str) -> None:
        """Write a line with the time; characters that a terminal would obey are escaped."""
        self._last_line = monotonic()
        with suppress(OSError, ValueError):  # a reader that has gone, or a closed stream, must not end the run
            self._write(escaped(f"{datetime.now().astimezone():%H:%M:%S} {text}"))

    def _write(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
