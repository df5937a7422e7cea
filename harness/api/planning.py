"""What a run would do, as programs and notebooks have it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api import columns
from harness.api.arguments import Overrides, requested
from harness.api.asking import SuiteSource
from harness.api.foreseeing import foreseen
from harness.api.surroundings import settled
from harness.execution.outlook import Outlook
from harness.machine.host import Threads
from harness.plugins.loading import registry

if TYPE_CHECKING:
    import pandas as pd


class Plan:
    """What a run would do: the state of every trial, and how long its training takes."""

    def __init__(self, directory: Path, outlook: Outlook) -> None:
        self.directory = directory
        """The run directory."""
        self._outlook = outlook

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are to ``run``, ``stale``, to ``measure``, ``done`` and ``unavailable``."""
        return {str(state): count for state, count in self._outlook.counts.items()}

    @property
    def seconds(self) -> float | None:
        """How long training will take, None where nothing like any of it has run on this machine."""
        return self._outlook.seconds

    def trials(self) -> pd.DataFrame:
        """Return a line for each trial: its state, why, and its time in seconds."""
        return frame_of(self._outlook)

    def __repr__(self) -> str:
        """Return how many trials have which state, for a prompt."""
        return f"<harness.Plan {self.directory}: {', '.join(f'{n} {state}' for state, n in self.counts.items())}>"

    def _repr_html_(self) -> str:
        return str(self.trials().to_html())


def frame_of(outlook: Outlook) -> pd.DataFrame:
    """Return a line for each trial of an outlook."""
    lines: list[list[Any]] = []
    for trial in outlook.trials:
        row, known = trial.row, trial.forecast
        lines.append(
            [
                row.experiment, row.seed, row.group, row.backend, row.parameters or None, trial.epochs, trial.state,
                trial.threads, known and known.seconds, bool(known and known.at_most),
                known and known.anonymous_bytes, trial.note,
            ]
        )  # fmt: skip
    return columns.framed(columns.PLAN, lines)


def plan(
    suite: SuiteSource,
    *,
    dataset: str | None = None,
    data_directory: str | os.PathLike[str] | None = None,
    only: str | Iterable[str] = (),
    seeds: int | Iterable[int] | None = None,
    overrides: Overrides = None,
    jobs: int | None = None,
    threads: Threads = 1,
    device: str | None = None,
    out: str | os.PathLike[str] | None = None,
    cluster: str | None = None,
    probe: bool = False,
) -> Plan:
    """Return what `run` would do, with the same arguments; ``probe``: train a few batches, to predict unknown times.

    Nothing is downloaded.

    Raises:
        HarnessError: the suite or an argument is wrong, or the dataset would have to be downloaded.
    """
    plugins = registry()
    request = requested(
        suite,
        overrides=overrides,
        dataset=dataset,
        data_directory=data_directory,
        only=only,
        seeds=seeds,
        device=device,
        jobs=jobs,
        threads=threads,
        out=out,
        cluster=cluster,
    )
    with settled(request.each):
        loaded = request.load(plugins)
        with foreseen(request, loaded, plugins, probed=probe) as ahead:
            return Plan(ahead.run.directory, ahead.outlook)
