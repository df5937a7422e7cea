"""Trains one stored trial again here, and says how the two are alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from harness.api import columns
from harness.api.asking import Request
from harness.api.carrying import Terms, carry_out
from harness.api.handle import Run
from harness.api.networks import suite_folder
from harness.api.surroundings import settled
from harness.api.watching import watching_of
from harness.errors import HarnessError, as_typed, shown
from harness.live.beside import shown_beside
from harness.machine.paths import status_of
from harness.metrics.catalogue import CATALOGUE
from harness.plugins.loading import registry
from harness.plugins.observers import Observers
from harness.results.reproduction import JUDGED, Reproduced, Sameness, reproduced, same_arrays, sameness
from harness.rows import TrialRow
from harness.store import Run as Stored
from harness.store import run_of
from harness.store.header import NAME, SEVERAL
from harness.suite import load_suite
from harness.suite.mapping import PLACE as MAPPING
from harness.trial.fingerprints import differences

if TYPE_CHECKING:
    import pandas as pd

_FILES = ("state.npz", "validation.npz", "evaluation.npz")


@dataclass(frozen=True)
class Reproduction:
    """A stored trial, trained again here.

    ``meaning``: what the new trial means otherwise (plugins of other versions, say); ``environment``: what the
    circumstances say otherwise, as (key, stored, here). ``reason``: why it failed. ``dataset``: its label where the run
    directory holds several datasets, empty otherwise.
    """

    experiment: str
    seed: int
    verdict: Sameness
    metrics: list[Reproduced]
    meaning: list[str]
    environment: list[tuple[str, str, str]]
    reason: str = ""
    dataset: str = ""

    def frame(self) -> pd.DataFrame:
        """Return a line for each judged metric: stored, here, and the interval of seeds."""
        lines = [
            [each.metric, each.stored, each.here, *(each.interval or (None, None)), each.within]
            for each in self.metrics
        ]
        return columns.framed(columns.REPRODUCTION, lines)

    def __str__(self) -> str:
        """Return the verdict in a sentence."""
        name = f"{self.dataset}: {self.experiment}/{self.seed}" if self.dataset else f"{self.experiment}/{self.seed}"
        return {
            Sameness.identical: f"{name}: bit-identical",
            Sameness.within: f"{name}: not bit-identical, within the interval of seeds",
            Sameness.outside: f"{name}: not reproduced, outside the interval of seeds",
            Sameness.undecided: f"{name}: not bit-identical, and one seed has no interval to compare with",
            Sameness.failed: f"{name}: could not be trained again: {self.reason}",
        }[self.verdict]


def reproduce(
    run: Run | str | os.PathLike[str],
    experiment: str,
    seed: int,
    *,
    dataset: str | None = None,
    data_directory: str | os.PathLike[str] | None = None,
    jobs: int | None = 1,
    out: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Reproduction:
    """Train a stored trial again here, on its backend with its threads, and compare the two.

    It is tested again where the stored one was. ``dataset``: the label of one, where the directory of ``run`` holds
    several. ``data_directory``: where the dataset's files are here. ``jobs``: 0
    trains in this process. ``out``: keep the new run there; without, it is removed. ``progress``: as in `run`.

    Raises:
        HarnessError: there is no such trained trial, its backend is not available here, or the dataset or split here is
            another.
    """
    watching = watching_of(progress, kept=out is not None)
    label, stored = run_of(run.directory if isinstance(run, Run) else Path(run), dataset)
    row = _row(stored, experiment, seed)
    if out is not None:
        _check_out(Path(out), stored, row)
    suite = _suite(stored, row)
    with TemporaryDirectory(prefix="harness-reproduce-") as temporary:
        request = Request(
            suite,
            data_directory=None if data_directory is None else Path(data_directory),
            jobs=jobs,
            threads=int(row.environment.get("threads", "1")),
            out=Path(temporary) / "run" if out is None else Path(out),
        )
        plugins = registry()
        with settled(request.each), shown_beside(watching), _named(stored, located=data_directory is not None):
            loaded = load_suite(suite, plugins, data_directory=request.data_directory, folder=suite_folder(stored))
            new, outcome = carry_out(
                request, loaded, plugins, Terms(), Observers(plugins.manager), watching=[watching],
                command=["harness", "reproduce"], said=watching.note,
            )  # fmt: skip
        (here,) = outcome.rows
        _check_data(stored, row, here)
        changes = [(key, row.environment.get(key, ""), here.environment.get(key, "")) for key in _keys(row, here)]
        changes = [(key, before, now) for key, before, now in changes if before != now]
        meaning = differences(row, replace(here, settings=row.settings, basis=row.basis))
        if here.status != "done":
            return Reproduction(experiment, seed, Sameness.failed, [], meaning, changes, here.reason, label)
        metrics = reproduced(row, here, _seeds(stored, experiment))
        verdict = sameness(metrics, identical=_identical(stored, new, row))
        return Reproduction(experiment, seed, verdict, metrics, meaning, changes, dataset=label)


@contextmanager
def _named(stored: Stored, *, located: bool) -> Iterator[None]:
    """Within the block, errors about the suite name the run; ``located``: whether a folder of the data was named."""
    try:
        yield
    except HarnessError as error:
        suite, text = f"{suite_folder(stored) / MAPPING}: ", str(error)
        if not text.startswith(suite):
            raise
        text = text.removeprefix(suite)
        if text.startswith("dataset ") and "no such file" in text and not located:
            text = f"{text.rstrip('.')}. Name the folder of its files with --data-dir"
        msg = f"{stored.directory}: {text}"
        raise HarnessError(msg) from error


def _row(stored: Stored, experiment: str, seed: int) -> TrialRow:
    """Return the row of a trained trial."""
    row = Run(stored.directory).row(experiment, seed)
    if experiment in stored.suite.ensembles or row.status != "done":
        why = "it is an ensemble" if experiment in stored.suite.ensembles else row.reason or row.status
        msg = f"{stored.directory}: {experiment}/{seed} has no trained network to reproduce: {why}"
        raise HarnessError(msg)
    return row


def _check_out(out: Path, stored: Stored, row: TrialRow) -> None:
    """Refuse a directory of other runs, and one in which the trial would be taken up: it would always be identical."""
    there = ""
    if status_of(out / SEVERAL):
        there = "holds runs of several datasets"
    elif status_of(out / NAME):
        kept, key = Stored.open(out), (row.experiment, row.seed)
        if key in kept.planned and kept.row(*key).status == "done":
            there = f"has {row.experiment}/{row.seed} already, so nothing would be trained"
        elif (kept.suite.suite.name, kept.dataset.name) != (_title(stored, row), stored.dataset.name):
            there = f"holds a run of suite {shown(kept.suite.suite.name)}"
    if there:
        msg = f"--out {as_typed(out)}: {there}. Name a new directory"
        raise HarnessError(msg)


def _suite(stored: Stored, row: TrialRow) -> dict[str, Any]:
    """Return a suite of the one trial, on the backend that trained it."""
    suite = stored.suite
    settings = dict(row.settings)
    named = settings.get("backend", row.backend)
    entries = named if isinstance(named, list) else [named]
    settings["backend"] = next((e for e in entries if isinstance(e, Mapping) and e["name"] == row.backend), row.backend)
    tested = [table.model_dump(mode="json") for table in suite.robustness] if row.evaluation else []
    table = {
        "suite": {"name": _title(stored, row), "seeds": [row.seed]},
        "dataset": suite.dataset.model_dump(mode="json"),
        "experiments": {row.experiment: settings},
        "robustness": tested,
    }
    cleaned: dict[str, Any] = _without_none(table)
    return cleaned


def _title(stored: Stored, row: TrialRow) -> str:
    return f"{stored.suite.suite.name}: {row.experiment}/{row.seed} again"


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value


def _check_data(stored: Stored, row: TrialRow, here: TrialRow) -> None:
    for key, what in (("dataset", "the dataset's content"), ("split", "the split")):
        before, now = row.basis.get(key), here.basis.get(key)
        if before != now:
            msg = f"{stored.directory}: {what} here is another than the run's: {before or '?'}, not {now}"
            raise HarnessError(msg)


def _keys(first: TrialRow, second: TrialRow) -> list[str]:
    return list(dict.fromkeys([*first.environment, *second.environment]))


def _seeds(stored: Stored, experiment: str) -> dict[str, list[float]]:
    """Return the judged metrics of all stored seeds of an experiment."""
    rows = [stored.row(name, seed) for name, seed in stored.planned if name == experiment]
    values = {name: [CATALOGUE[name].read(row) for row in rows if row.status == "done"] for name in JUDGED}
    return {name: [value for value in seeds if value is not None] for name, seeds in values.items()}


def _identical(stored: Stored, new: Stored, row: TrialRow) -> bool:
    """Return whether weights, confusions and predictions are the same, of the files that the stored trial has."""
    key = (row.experiment, row.seed)
    return all(
        same_arrays(stored.arrays(*key, name), new.arrays(*key, name)) for name in _FILES if stored.has(*key, name)
    )
