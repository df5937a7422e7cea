"""Makes one run of several of the same suite: trials, seeds, severities that were run on several machines."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.machine.files import open_regular
from harness.rows import TrialRow
from harness.store.arriving import arriving
from harness.store.classes import read_classes
from harness.store.ensembles import ensemble_rows, ensembles, planned_row
from harness.store.joining import TrainedTrial, joined
from harness.store.opening import at_rest
from harness.store.run import Run
from harness.store.samples import join_samples
from harness.store.stored import Damaged, Stored, damaged_files
from harness.store.sums import read_sums
from harness.store.uniting import united
from harness.text import some

Key = tuple[str, int]
"""An experiment and a seed."""
_LOG = "log.txt"


@dataclass(frozen=True)
class Merged:
    """A run that others were merged into; ``left_out``: what of them is not in it, and why, a line each."""

    directory: Path
    rows: list[TrialRow]
    left_out: list[str]
    datasets: tuple[str, ...] = ()
    """The labels of the datasets that it has runs of, where they are of several."""


def merge(directories: Sequence[Path], into: Path, notes: Mapping[str, Any]) -> Merged:
    """Merge runs of one suite into a new one, which is at ``into`` when all is there.

    The runs may have other experiments, seeds and severities. A trial that several have must be the same in all, but
    for times and where it ran. The one that came furthest is taken, of equals the first, with the severities of all.
    ``notes``: how the new run came about, for its ``run.json``, which also has the notes of the others.

    Raises:
        HarnessError: fewer than two runs, one cannot be read or is at work, they are of other data or recipes, trials
            conflict, or ``into`` is there already. Nothing is left behind.
    """
    check_apart(directories)
    with at_rest(directories, "Merge") as check:
        runs = [Run.open(directory) for directory in directories]
        with arriving(into, "--into") as folder:
            rows, left_out = merge_within(runs, folder, notes)
            check()
    return Merged(into, rows, left_out)


def check_apart(directories: Sequence[Path]) -> None:
    """Refuse fewer than two directories, and one that is named twice.

    Raises:
        HarnessError: so it is.
    """
    if len({directory.resolve() for directory in directories}) < max(2, len(directories)):
        msg = "merge: needs two or more runs, each named once: harness merge RUN RUN --into DIR"
        raise HarnessError(msg)


def merge_within(runs: Sequence[Run], folder: Path, notes: Mapping[str, Any]) -> tuple[list[TrialRow], list[str]]:
    """Merge one or more runs into a folder that is there and empty; return the rows, and what is left out and why.

    Raises:
        HarnessError: they are of other data or recipes, or trials conflict. The folder has a part of them then.
    """
    suite, planned, components = united(runs)
    sources, left_out = _sources(runs, planned)
    merged = Run(folder, suite, runs[0].dataset, planned, components)
    conflicts = [text for key in planned if (text := _put(merged, key, sources.get(key, [])))]
    if conflicts:
        msg = f"{some(conflicts, between='; ')}. Nothing was merged: leave one of the runs out, or run it again"
        raise HarnessError(msg)
    _classes(merged, runs)
    join_samples(merged, runs)
    merged.write_header({**notes, "merged": [_about(run) for run in runs]})
    rows = list(merged.rows(derive=False))
    _ensembles(merged, runs, rows)
    every = list(merged.rows())
    read_sums(merged, [*every, *ensemble_rows(merged, every)])
    return rows, left_out


def _sources(runs: Sequence[Run], planned: Sequence[Key]) -> tuple[dict[Key, list[tuple[Run, Stored]]], list[str]]:
    """Return each trial's rows that serve, run by run, and what is left out."""
    sources: dict[Key, list[tuple[Run, Stored]]] = {key: [] for key in planned}
    left_out = []
    for run in runs:
        for row in run.rows(derive=False):
            key = row.experiment, row.seed
            stored = run.read(*key)
            if stored is None:
                continue
            place = f"{run.directory}: {row.experiment} seed {row.seed} is left out"
            if isinstance(stored, Damaged):
                left_out.append(f"{place}: {stored.reason}")
            elif row.status == "stale":
                left_out.append(f"{place}: {row.reason}")
            elif damage := damaged_files(run.trial_directory(*key), stored):
                left_out.append(f"{place}: {next(iter(damage.values()))}")
            else:
                sources[key].append((run, stored))
    return sources, left_out


def _put(merged: Run, key: Key, sources: Sequence[tuple[Run, Stored]]) -> str:
    """Write a trial into a merged run; return how it differs between its sources, in which case it is not written."""
    trained = [TrainedTrial(run, stored) for run, stored in sources if stored.row.metrics is not None]
    for later, earlier in ((later, earlier) for place, later in enumerate(trained) for earlier in trained[:place]):
        if difference := later.difference(earlier):
            return difference
    if not sources:
        return ""
    run, stored = min(sources, key=lambda source: _rank(source[1].row))
    _copy(run, merged, key, stored)
    tested = joined(merged, [each for each in trained if each.stored.row.evaluation])
    if tested:
        merged.write(*tested)
    return ""


def _rank(row: TrialRow) -> tuple[bool, bool, int]:
    """Return a trial's sort key: tested, trained, failed, not tried. So a success is preferred to a failure."""
    tried = ("done", "failed", "timed out", "unavailable")
    how = tried.index(row.status) if row.status in tried else len(tried)
    return row.metrics is None, row.evaluation is None, how


def _copy(run: Run, merged: Run, key: Key, stored: Stored) -> None:
    source, target = run.trial_directory(*key), merged.trial_directory(*key)
    target.mkdir(parents=True, exist_ok=True)
    for name in (*stored.files, "row.json", _LOG):
        if name != _LOG or (source / name).exists():
            copy_file(source / name, target / name)


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of a regular file.

    Raises:
        OSError: it is not one, or cannot be read or written.
    """
    with open_regular(source) as content, target.open("xb") as file:
        shutil.copyfileobj(content, file)


def _classes(merged: Run, runs: Sequence[Run]) -> None:
    name = "classes.npz"
    if source := next((run for run in runs if read_classes(run) is not None), None):
        copy_file(source.directory / name, merged.directory / name)


def _ensembles(merged: Run, runs: Sequence[Run], rows: Sequence[TrialRow]) -> None:
    """Take the ensembles whose members are the same in the merged run as in theirs."""
    trials = {(row.experiment, row.seed): row for row in rows}
    for ensemble in ensembles(merged):
        key, fingerprint = (ensemble.name, ensemble.seed), planned_row(merged, ensemble, trials).fingerprint
        for run in (run for run in runs if ensemble.name in run.suite.ensembles):
            stored = run.read(*key)
            if (
                isinstance(stored, Stored)
                and stored.row.fingerprint == fingerprint
                and not damaged_files(run.trial_directory(*key), stored)
            ):
                _copy(run, merged, key, stored)
                break


def _about(run: Run) -> dict[str, Any]:
    """Return how a run came about, and which trials it had."""
    return {**run.notes(), "trials": len(run.planned)}
