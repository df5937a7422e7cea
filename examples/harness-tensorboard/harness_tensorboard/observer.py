"""The observer: harness calls its hooks while a run proceeds, one after the other, in a thread."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from harness_tensorboard.events import Events

FOLDER = "HARNESS_TENSORBOARD"
"""The environment variable that names another folder than ``tensorboard``."""

Trial = Mapping[str, Any]
"""What a hook is given of a trial, or its row: both have experiment, seed, backend, parameters and settings."""


class TensorBoardObserver:
    """Writes event files: a folder for each run, and within it one for each trial.

    Where they cannot be written, `run_started` raises, harness names it on standard error, and the other hooks do
    nothing in that run.
    """

    def __init__(self) -> None:
        self._place: Path | None = None
        self._open: dict[Path, Events] = {}
        self._logged: dict[Path, set[int]] = {}
        """The epochs that each trial's files have."""

    @harness.hookimpl
    def run_started(self, run: Mapping[str, Any]) -> None:
        """Write what runs: the suite, the dataset and the machine, as a text."""
        from harness_tensorboard.events import Events  # TensorBoard takes a second to load: no other command waits

        self._place, self._logged = None, {}
        self._close()
        place = Path(os.environ.get(FOLDER, "tensorboard")) / Path(run["directory"]).name
        with Events(place, fresh=True) as events:
            events.text("run", {key: run[key] for key in ("directory", "harness", "dataset", "environment", "suite")})
        self._place = place

    @harness.hookimpl
    def trial_started(self, trial: Trial) -> None:
        """Begin a trial's files anew, with its settings as hyperparameters; each experiment is a group of trials."""
        if self._place:
            self._begun(trial)

    @harness.hookimpl
    def epoch_finished(self, trial: Trial, epoch: Mapping[str, Any]) -> None:
        """Write the epoch's measures, and show them."""
        if self._place:
            self._epochs(trial, [epoch])
            self._files(trial).flush()

    @harness.hookimpl
    def trial_finished(self, row: Trial) -> None:
        """Write the epochs that were left out, ``kept/…`` of the weights that were kept, and how the trial ended."""
        if self._place:
            self._epochs(row, row["history"])
            metrics = row["metrics"] or {}
            kept = _numbers(metrics) | _numbers(metrics.get("values", {}))
            self._files(row).scalars({f"kept/{name}": value for name, value in kept.items()}, 0)
            self._files(row).ended(done=row["status"] == "done", why=row["reason"])
            self._close(self._folder(row))

    @harness.hookimpl
    def trial_evaluated(self, row: Trial) -> None:
        """Write test metrics: ``test_accuracy`` of clean rows, ``test_accuracy/NAME/SEVERITY`` of perturbed ones."""
        if self._place:
            for measure in row["evaluation"]["measures"] if row["evaluation"] else ():
                under = f"/{measure['perturbation']}/{measure['severity']:g}" if measure["perturbation"] else ""
                values = {f"{name}{under}": value for name, value in _numbers(measure["values"]).items()}
                self._files(row).scalars(values, 0)
            self._close(self._folder(row))

    @harness.hookimpl
    def run_finished(self) -> None:
        """Close what is open: the files of trials that an interrupt ended."""
        self._close()
        self._place = None

    def _folder(self, trial: Trial) -> Path:
        assert self._place  # noqa: S101 - where it is None, no hook comes here
        return self._place / f"{trial['experiment']}-seed-{trial['seed']}"

    def _files(self, trial: Trial, *, fresh: bool = False) -> "Events":
        """Return a trial's files, opened if they are not."""
        from harness_tensorboard.events import Events

        folder = self._folder(trial)
        if folder not in self._open:
            self._open[folder] = Events(folder, fresh=fresh)
        return self._open[folder]

    def _begun(self, trial: Trial) -> None:
        """Begin a trial's files, where there are some without them."""
        folder = self._folder(trial)
        self._close(folder)
        self._logged[folder] = set()
        table = {name: trial[name] for name in ("backend", "parameters")} | dict(trial["settings"])
        self._files(trial, fresh=True).hyperparameters(table, group=trial["experiment"])

    def _epochs(self, trial: Trial, history: Iterable[Mapping[str, Any]]) -> None:
        """Write each epoch that is not written yet, with its number as step."""
        if (folder := self._folder(trial)) not in self._logged:
            self._begun(trial)
        for epoch in history:
            if epoch["epoch"] not in self._logged[folder]:
                self._files(trial).scalars(_numbers(epoch, leave_out=("epoch",)), epoch["epoch"])
                self._logged[folder].add(epoch["epoch"])

    def _close(self, *folders: Path) -> None:
        """Close the files of these folders, or all."""
        for folder in folders or tuple(self._open):
            if events := self._open.pop(folder, None):
                events.close()


def _numbers(table: Mapping[str, Any], leave_out: Sequence[str] = ()) -> dict[str, float]:
    """Return the numbers of a table: a metric that is not defined is None."""
    return {key: float(x) for key, x in table.items() if isinstance(x, int | float) and key not in leave_out}
