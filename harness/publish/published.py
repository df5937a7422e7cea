"""What a site has of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.statistic import Statistic
from harness.plugins.revisions import UNKNOWN
from harness.report import Material
from harness.report.heading import moment, verdict
from harness.results.experiments import ExperimentRows
from harness.text import counted, some

METRICS: tuple[Metric, ...] = tuple(
    metric
    for metric in CATALOGUE.values()
    if metric.of_test and not metric.perturbed and "leaderboards" in metric.shown
)
"""The metrics of the clean test rows that leaderboards have: those that runs are compared by."""

Published = TypeVar("Published", "PublishedRun", "PublishedSeveral")


@dataclass(frozen=True)
class PublishedRun:
    """A run as the index has it. Nothing of its predictions is kept: a site may have hundreds of runs."""

    directory: Path
    folder: str
    """Below ``runs/`` of the site."""
    suite: str
    data: str
    dataset: tuple[str, str]
    """The digests of the dataset and of its split: runs of equal ones are tested on the same rows."""
    when: datetime | None
    """When its trials last ran: a later command that ran none does not count."""
    commit: str
    """Of the suite's repository; empty where it is unknown."""
    version: str
    trials: tuple[int, int]
    """How many are done, and planned."""
    verdict: str
    experiments: tuple[str, ...]
    """Those that are tested, in the suite's order."""
    values: Mapping[str, Mapping[str, Statistic]]
    """Each metric's statistics over seeds, by experiment."""

    @classmethod
    def of(cls, material: Material, folder: str) -> PublishedRun:
        """Return what the index has of a run that was read."""
        results, notes = material.results, material.notes
        tested = [experiment for experiment in results.experiments if experiment.tested]
        counts = results.counts
        when, commit = _made(notes)
        return cls(
            directory=material.run.directory,
            folder=folder,
            suite=results.title,
            data=results.data,
            dataset=(material.run.dataset.digest, material.run.dataset.split),
            when=when,
            commit="" if commit.startswith(UNKNOWN) else commit,
            version=str(notes.get("harness") or ""),
            trials=(counts["done"], counts["planned"]),
            verdict=verdict(material),
            experiments=tuple(experiment.name for experiment in tested),
            values={metric.name: _statistics(tested, metric) for metric in METRICS},
        )

    @property
    def state(self) -> str:
        """How many trials are done."""
        return _state(*self.trials)

    @property
    def parts(self) -> Mapping[str, PublishedRun]:
        """The runs of several datasets: it is one alone."""
        return {}

    @property
    def label(self) -> str:
        """How columns and axes name it: its day, with the first signs of its commit where that is known."""
        day = f"{self.when:%Y-%m-%d %H:%M}" if self.when else self.folder
        return f"{day} {self.commit[:8]}" if self.commit else day


@dataclass(frozen=True)
class PublishedSeveral:
    """The runs of several datasets, one entry of the index. ``parts``: each dataset's, by its label."""

    folder: str
    suite: str
    verdict: str
    parts: Mapping[str, PublishedRun]

    @property
    def data(self) -> str:
        """The datasets."""
        return some(list(self.parts), 8)

    @property
    def when(self) -> datetime | None:
        """When a trial last ran."""
        return self._newest.when

    @property
    def commit(self) -> str:
        """That of the run whose trials ran last."""
        return self._newest.commit

    @property
    def version(self) -> str:
        """That of the run whose trials ran last."""
        return self._newest.version

    @property
    def state(self) -> str:
        """How many trials of all datasets are done."""
        done, planned = (sum(part.trials[place] for part in self.parts.values()) for place in (0, 1))
        return _state(done, planned)

    @property
    def _newest(self) -> PublishedRun:
        return max(self.parts.values(), key=_age)


def _state(done: int, planned: int) -> str:
    return f"{done} of {counted(planned, 'trial')}"


def _made(notes: Mapping[str, Any]) -> tuple[datetime | None, str]:
    """Return when a run's trials ran, and at which commit; of a merged run, the last of those that it was made of.

    Earlier versions noted only when a command last started.
    """
    merged = notes.get("merged")
    if isinstance(merged, list):
        made = [_made(each) for each in merged if isinstance(each, Mapping)]
        known = [(when, commit) for when, commit in made if when]
        if known:
            return max(known)
    when = moment(notes.get("trials_ended")) or moment(notes.get("last_started"))
    return when, str(notes.get("trials_commit", notes.get("git_commit")) or "")


def series(runs: Iterable[PublishedRun]) -> list[list[PublishedRun]]:
    """Return the runs of each suite on the same test rows, oldest first; suites in the order of their newest run."""

    def same(run: PublishedRun) -> tuple[str, tuple[str, str]]:
        return run.suite, run.dataset

    return _grouped(runs, same)


def series_of_several(runs: Iterable[PublishedSeveral]) -> list[list[PublishedSeveral]]:
    """Return the runs of each suite on the same several datasets, in the order of `series`."""

    def same(run: PublishedSeveral) -> tuple[str, tuple[str, ...]]:
        return run.suite, tuple(run.parts)

    return _grouped(runs, same)


def _grouped(runs: Iterable[Published], same: Callable[[Published], Any]) -> list[list[Published]]:
    groups = [sorted(group, key=_age) for _, group in groupby(sorted(runs, key=same), key=same)]
    return sorted(groups, key=newest, reverse=True)


def newest(group: Sequence[PublishedRun | PublishedSeveral]) -> tuple[datetime, str]:
    """Return by what series are ordered: the age of the newest run."""
    return _age(group[-1])


def _age(run: PublishedRun | PublishedSeveral) -> tuple[datetime, str]:
    return run.when or datetime.min.replace(tzinfo=UTC), run.folder


def _statistics(tested: Iterable[ExperimentRows], metric: Metric) -> dict[str, Statistic]:
    statistics = {experiment.name: experiment.statistic(metric.name) for experiment in tested}
    return {name: value for name, value in statistics.items() if value is not None}
