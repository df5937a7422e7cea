"""The observer: harness calls its hooks while a run proceeds, one after the other, in a thread."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from harness_mlflow.store import TrackedRun


class MlflowObserver:
    """Writes a run to the store that ``MLFLOW_TRACKING_URI`` names.

    Where the store cannot be reached, `run_started` raises, harness names it on standard error, and the other hooks do
    nothing in that run.
    """

    def __init__(self) -> None:
        self._run: TrackedRun | None = None

    @harness.hookimpl
    def run_started(self, run: Mapping[str, Any]) -> None:
        """Start a run of MLflow, in the experiment of the suite's name."""
        from harness_mlflow.store import TrackedRun  # MLflow takes seconds to load: no other command waits for it

        self._run = None
        self._run = TrackedRun(run)

    @harness.hookimpl
    def trial_started(self, trial: Mapping[str, Any]) -> None:
        """Start a run within it, with the trial's settings."""
        if self._run:
            self._run.trial(trial)

    @harness.hookimpl
    def epoch_finished(self, trial: Mapping[str, Any], epoch: Mapping[str, Any]) -> None:
        """Log the epoch's metrics."""
        if self._run:
            self._run.epochs(trial, [epoch])

    @harness.hookimpl
    def trial_finished(self, row: Mapping[str, Any]) -> None:
        """Log what training ended with, and the epochs that were left out."""
        if self._run:
            self._run.finished(row)

    @harness.hookimpl
    def trial_evaluated(self, row: Mapping[str, Any]) -> None:
        """Log the test metrics."""
        if self._run:
            self._run.evaluated(row)

    @harness.hookimpl
    def run_finished(self, run: Mapping[str, Any]) -> None:
        """Keep the files as artefacts, and end the run."""
        if self._run:
            self._run.ended(run["statuses"], run["files"])
        self._run = None
