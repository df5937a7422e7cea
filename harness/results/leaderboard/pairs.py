"""Pairs of experiments side by side, with what each difference means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.comparisons import Difference, judged
from harness.metrics.statistic import Kind, Statistic
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard import notes
from harness.results.leaderboard.rankings import headlines
from harness.results.results import Results
from harness.results.tables.model import Column, Marked, Table
from harness.results.tables.notes import SPREAD, brief
from harness.rows import CLEAN, Condition


@dataclass(frozen=True)
class _Shown:
    """What pairs are compared in: a metric, clean or in the mean over conditions."""

    key: str
    heading: str
    metric: Metric
    conditions: tuple[Condition, ...] = (CLEAN,)

    def of(self, experiment: ExperimentRows) -> Statistic | None:
        if self.conditions == (CLEAN,):
            return experiment.statistic(self.metric.name)
        names = {condition.perturbation for condition in self.conditions}
        severities = [condition.severity for condition in self.conditions]
        return experiment.over_severities(self.metric.name, names.pop() or "", severities)

    @property
    def relative(self) -> bool:
        """Whether a difference is in percent of the first's value."""
        return self.metric.kind is Kind.loss

    @property
    def change(self) -> Column:
        """The column of the differences."""
        kind = Kind.relative if self.relative or self.metric.kind is Kind.degradation else Kind.points
        return Column(f"{self.key}_change", "Δ, %" if self.relative else "Δ, pp", kind, joined=True)


def comparison(results: Results) -> list[Table]:
    """Return the table of a suite's pairs, none without any: two experiments, then the second less the first.

    Values are means over the seeds that an experiment has, differences are over those that all have. A loss's is in
    percent of the first's. Test values are there where both are tested. The differences in a metric are significant, or
    not, among those of the table.
    """
    pairs = results.pairs
    if not pairs:
        return []
    differences = {shown.key: _differences(results, shown) for shown in _all_shown(results)}
    lines = [
        line
        for at, pair in enumerate(pairs)
        for line in _lines(results, pair, [each[at] for each in differences.values()])
    ]
    shown = [
        column
        for column in _all_shown(results)
        if not column.metric.of_test or any(line.get(column.key) for line in lines)
    ]
    columns = [Column("experiment", "Experiment"), Column("backend", "Backend", minor=1)]
    for column in shown:
        columns += [Column(column.key, column.heading, column.metric.kind), column.change]
    compared = [experiment for experiment in results.trained if any(experiment in pair for pair in pairs)]

    def noted(part: Table) -> str:
        changes = [cell for cell in part.cells if isinstance(cell, Marked)]
        return brief(
            notes.lost(results),
            notes.seeds(compared),
            signs=[
                notes.marks("Δ, the second less the first", changes),
                "[low, high]: 95 % CI." if any(change.interval for change in changes) else "",
                SPREAD if part.spread else "",
            ],
        )

    return [Table.explained("comparison", f"Side by side · {results.data}", columns, lines, noted)]


def _all_shown(results: Results) -> list[_Shown]:
    clean = [_Shown(metric.name, metric.title, metric) for metric in CATALOGUE.values() if "pairs" in metric.shown]
    noisy = [
        _Shown(ranking.key, ranking.heading, ranking.metric, ranking.conditions)
        for ranking in headlines(results)
        if not ranking.clean
    ]
    return clean + noisy


def _differences(results: Results, shown: _Shown) -> list[Difference | None]:
    """Return the difference of each pair in a metric, judged together."""
    differences = [results.over(second, first, shown.metric.name, shown.conditions) for first, second in results.pairs]
    known = iter(judged([difference for difference in differences if difference]))
    return [difference and next(known) for difference in differences]


def _lines(
    results: Results, pair: tuple[ExperimentRows, ExperimentRows], differences: list[Difference | None]
) -> list[dict[str, Any]]:
    first, second = pair
    every = _all_shown(results)
    both: list[dict[str, Any]] = []
    for experiment in pair:
        known = [shown for shown in every if not shown.metric.of_test or (first.tested and second.tested)]
        values = {shown.key: shown.of(experiment) for shown in known}
        both.append({"experiment": experiment.name, "backend": experiment.backend, **values})
    change: dict[str, Any] = {"experiment": f"{second.name} − {first.name}", "backend": ""}
    for shown, difference in zip(every, differences, strict=True):
        if difference is None:
            continue
        if not shown.relative:
            change[shown.change.key] = Marked.of(difference)
        elif difference.first.mean:
            change[shown.change.key] = Marked.of(difference, scale=100.0 / difference.first.mean)
    return [*both, change]
