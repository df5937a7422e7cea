"""What a site has of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.statistic import Statistic
from harness.plugins.revisions import UNKNOWN
from harness.report import Material
from harness.report.heading import moment, verdict
from harness.results.experiments import ExperimentRows
from harness.text import counted

METRICS: tuple[Metric, ...] = tuple(
    metric
    for metric in CATALOGUE.values()
    if metric.of_test and not metric.perturbed and "leaderboards" in metric.shown
)
"""The metrics of the clean test rows that leaderboards have: those that runs are compared by."""


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
    state: str
    verdict: str
    experiments: tuple[str, ...]
    """Those that are tested, in the suite's order."""
    values: Mapping[str, Mapping[str, Statistic]]
    """Each metric's statistics over seeds, by experiment."""

    @classmethod
    def of(cls, material: Material, folder: str) -> PublishedRun:
        """Return what the index has of a run that was read."""
        results, notes = material.results, material.notes
        tested = [one for one in results.experiments if one.tested]
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
            state=f"{counts['done']} of {counted(counts['planned'], 'trial')}",
            verdict=verdict(material),
            experiments=tuple(one.name for one in tested),
            values={metric.name: _statistics(tested, metric) for metric in METRICS},
        )

    @property
    def label(self) -> str:
        """How columns and axes name it: its day, with the first signs of its commit where that is known."""
        day = f"{self.when:%Y-%m-%d %H:%M}" if self.when else self.folder
        return f"{day} {self.commit[:8]}" if self.commit else day


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

    groups = [sorted(group, key=_age) for _, group in groupby(sorted(runs, key=same), key=same)]
    return sorted(groups, key=lambda group: _age(group[-1]), reverse=True)


def _age(run: PublishedRun) -> tuple[datetime, str]:
    return run.when or datetime.min.replace(tzinfo=UTC), run.folder


def _statistics(tested: Iterable[ExperimentRows], metric: Metric) -> dict[str, Statistic]:
    found = {one.name: one.statistic(metric.name) for one in tested}
    return {name: value for name, value in found.items() if value is not None}
