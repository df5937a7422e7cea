"""A run, as programs and notebooks have it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api import frames
from harness.api.networks import TrainedNetwork, trained_network
from harness.api.shown import paragraph_html, table_html
from harness.errors import HarnessError, nearest, shown
from harness.plugins.loading import registry
from harness.results.leaderboard.ranked import overview
from harness.results.results import Results
from harness.results.tables import render_all
from harness.store import Run as Stored
from harness.store import state_of
from harness.store.ensembles import ensemble_rows

if TYPE_CHECKING:
    import pandas as pd

    from harness.rows import TrialRow


class Run:
    """A run directory: its trials, results and networks.

    Every method reads what is there now: of a run that another process is writing, what it has finished. The frames'
    columns and dtypes are in docs/reference/python.md. Fractions are in 0…1, losses in nats, times in seconds.
    """

    def __init__(self, directory: str | os.PathLike[str], remarks: Sequence[str] = ()) -> None:
        """Open a run; `harness.open_run` does the same.

        Raises:
            HarnessError: there is no run, it is damaged, or of another format.
        """
        self._stored = Stored.open(Path(directory))
        self.remarks = tuple(remarks)
        """What there is to say of the call that made it: damaged or stale rows, lost tests, observers that raised."""

    @property
    def directory(self) -> Path:
        """Where it is."""
        return self._stored.directory

    @property
    def name(self) -> str:
        """The suite's name."""
        return self._stored.suite.suite.name

    @property
    def experiments(self) -> list[str]:
        """The names of the experiments that were ever asked for, in the suite's order."""
        return list(dict.fromkeys(name for name, _ in self._stored.planned))

    @property
    def seeds(self) -> list[int]:
        """The seeds of its trials."""
        return list(dict.fromkeys(seed for _, seed in self._stored.planned))

    @property
    def class_names(self) -> list[str]:
        """The dataset's classes; labels and predictions are places in it."""
        return list(self._stored.dataset.class_names)

    @property
    def state(self) -> str:
        """In words: ``"complete: 5 of 5 done"``, ``"running: …"`` while a process writes it, or ``"incomplete: …"``."""
        return state_of(self.directory)[1]

    @property
    def complete(self) -> bool:
        """Whether every trial is done, every ensemble tested, and no cell of a test lost."""
        return self.state.startswith("complete")

    def trials(self, settings: Sequence[str] = ()) -> pd.DataFrame:
        """Return a line for each planned trial, done or not, with the metrics of training and validation.

        ``settings``: the paths of settings that become further columns, as ``["optimizer.learning_rate"]``.
        """
        return frames.trials(self._stored, [settings] if isinstance(settings, str) else settings)

    def history(self) -> pd.DataFrame:
        """Return a line for each epoch of each trained trial."""
        return frames.history(self._stored)

    def measures(self) -> pd.DataFrame:
        """Return a line for each tested trial and ensemble under each condition, with every metric of test rows.

        Clean images have no perturbation (``pd.NA``) and severity 0.
        """
        return frames.measures(self._results)

    def predictions(self, experiment: str, seed: int) -> pd.DataFrame:
        """Return a line for each test row under each condition, of a tested trial or ensemble.

        Raises:
            HarnessError: there is no such trial, it was not tested, or its predictions are damaged.
        """
        row = self.row(experiment, seed)
        if row.evaluation is None:
            msg = f"{self.directory}: {experiment}/{seed} has no test predictions: {_why_untested(row)}"
            raise HarnessError(msg)
        return frames.predictions(self._stored, row)

    def confusion(self) -> pd.DataFrame:
        """Return how often each class was taken for each, of every tested trial and ensemble, on clean test rows.

        Raises:
            HarnessError: predictions are damaged.
        """
        return frames.confusion(self._results)

    def leaderboard(self, metric: str = "test_accuracy", perturbation: str | None = None) -> pd.DataFrame:
        """Return the experiments ranked by a metric, best first, with confidence sets of ranks and intervals of means.

        ``perturbation``: by the mean over its severities above 0, which ``"degradation"`` needs.

        Raises:
            HarnessError: there is no such metric, or it was not measured under that perturbation.
        """
        return frames.leaderboard(self._results, metric, perturbation)

    def network(
        self, experiment: str, seed: int, *, backend: str | None = None, device: str | None = None
    ) -> TrainedNetwork:
        """Return a trained network, to predict with; ``backend`` and ``device`` replace its experiment's.

        Raises:
            HarnessError: there is no such trial, it is not trained, or its backend is not available here.
        """
        if experiment in self._stored.suite.ensembles:
            msg = f"{experiment}: it is an ensemble. Take the networks of its members"
            raise HarnessError(msg)
        row = self.row(experiment, seed)
        return trained_network(self._stored, row, registry(), backend=backend, device=device)

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the run as one HTML page, by default ``report.html`` in it; return where it is.

        Raises:
            HarnessError: the extra "report" is not installed, or something else is there.
        """
        from harness.report import read, render, write_page

        page = Path(path) if path is not None else self.directory / "report.html"
        write_page(page, render(read(self.directory)))
        return page

    @property
    def _results(self) -> Results:
        return Results.of(self._stored)

    def row(self, experiment: str, seed: int) -> TrialRow:
        """Return the row of a trial or an ensemble, as `harness.rows.TrialRow` describes it.

        Raises:
            HarnessError: there is no such trial.
        """
        if experiment in self._stored.suite.ensembles:
            rows = ensemble_rows(self._stored, list(self._stored.rows()))
            known = {row.seed: row for row in rows if row.experiment == experiment}
        elif experiment in self._stored.suite.experiments:
            known = {each: None for name, each in self._stored.planned if name == experiment}  # type: ignore[misc]
        else:
            msg = f"{self.directory}: no experiment {shown(experiment)}. {nearest(str(experiment), self._contenders)}"
            raise HarnessError(msg)
        if seed not in known:
            msg = f"{self.directory}: {experiment} has no seed {shown(seed)}. Known: {', '.join(map(str, known))}."
            raise HarnessError(msg)
        return known[seed] or self._stored.row(experiment, seed)

    @property
    def _contenders(self) -> list[str]:
        return [*self.experiments, *self._stored.suite.ensembles]

    def __repr__(self) -> str:
        """Return its place and state, for a prompt."""
        return f"<harness.Run {self.directory}: {self.state}>"

    def __str__(self) -> str:
        """Return the overview of its leaderboards, as the command line shows it."""
        return render_all([overview(self._results)], "terminal")

    def _repr_html_(self) -> str:
        lines = [f"{self.name}: {self.state}", str(self.directory), *self.remarks]
        return table_html(overview(self._results)) + paragraph_html(lines)


def _why_untested(row: TrialRow) -> str:
    if row.status != "done":
        return f"{row.status}: {row.reason}" if row.reason else row.status
    return "it is no finalist, or not tested yet"
