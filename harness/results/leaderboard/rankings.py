"""What a run can be ranked by, and the place of each experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.metrics.analysis import Analysis
from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.statistic import Statistic
from harness.results.experiments import ExperimentRows
from harness.results.results import Results
from harness.results.tables.model import Place
from harness.results.tables.values import as_shown
from harness.rows import CLEAN, Condition

Value = Callable[[ExperimentRows], Statistic | None]


@dataclass(frozen=True)
class Ranking:
    """A metric to rank by, and how to read it on test and validation rows.

    ``perturbation``: of a degradation, None of the clean images. ``conditions``: those that it is the mean over.
    """

    key: str
    metric: Metric
    title: str
    heading: str
    test: Value
    validation: Value | None
    perturbation: str | None = None
    conditions: tuple[Condition, ...] = (CLEAN,)

    def badness(self, value: Statistic) -> float:
        """Return a number that is lower where a value is better; what is no number is worst."""
        mean = value.sortable
        return -mean if self.metric.higher_is_better and mean != float("inf") else mean

    def analysis(self, results: Results) -> Analysis:
        """Return the comparisons of a run's experiments."""
        return results.analysis(self.metric.name, self.conditions)


def _clean(metric: Metric) -> Ranking:
    key = metric.name.removeprefix("test_").replace("_", "-")
    validation = metric.validation
    return Ranking(
        key,
        metric,
        key,
        metric.title,
        lambda e: e.statistic(metric.name),
        (lambda e: e.statistic(validation)) if validation else None,
    )


OF_CLEAN = tuple(_clean(metric) for metric in CATALOGUE.values() if "leaderboards" in metric.shown)
"""The rankings of clean images, that by accuracy first."""


def rankings(results: Results) -> list[Ranking]:
    """Return what a run can be ranked by: the clean metrics, and the mean degradation under each perturbation.

    At severity 0 images are as they were, and nothing is lost: a perturbation at no other severity ranks nothing.
    """
    found = results.perturbations
    degradations = [
        _degradation(name, severities, alone=len(found) == 1)
        for name, severities in found.items()
        if any(severity > 0 for severity in severities)
    ]
    return [*OF_CLEAN, *degradations]


def _degradation(name: str, severities: Sequence[float], *, alone: bool) -> Ranking:
    noisy = [severity for severity in severities if severity > 0]
    metric = CATALOGUE["degradation"]
    return Ranking(
        key=metric.name if alone else f"{metric.name}-{name}",
        metric=metric,
        title=f"{metric.name} under {name}",
        heading=metric.title if alone else f"{metric.title}, {name}",
        test=lambda e: e.over_severities(metric.name, name, noisy),
        validation=None,
        perturbation=name,
        conditions=tuple(Condition(name, severity) for severity in noisy),
    )


def places(results: Results, ranking: Ranking) -> dict[str, Place]:
    """Return the place of each tested experiment.

    Its rank is one more than the number of those that are better, as shown: otherwise one of two values that are shown
    alike would rank before the other, for no visible reason. An experiment that the others cannot be compared with may
    be anywhere; so it has no confidence set, and theirs are wider by one.
    """
    values = {one.name: value for one in results.experiments if (value := ranking.test(one))}
    bad = {name: as_shown(ranking.badness(value), ranking.metric.kind) for name, value in values.items()}
    analysis = ranking.analysis(results) if values else None
    ranks = analysis.ranks if analysis else {}
    apart = sum(name not in ranks for name in values)
    found = {}
    for name, mine in bad.items():
        rank = 1 + sum(other < mine for other in bad.values())
        known = ranks.get(name)
        if known is None or known.rank_low is None or known.rank_high is None:
            found[name] = Place(rank)
        else:
            # Means over the seeds that all have may rank otherwise than means over the seeds of each.
            found[name] = Place(rank, min(rank, known.rank_low), max(rank, known.rank_high + apart))
    return found


def ordered(results: Results, ranking: Ranking) -> list[ExperimentRows]:
    """Return the tested experiments, best first; then the others by validation; then those without a value."""

    def key(one: ExperimentRows) -> tuple[int, float]:
        for place, read in enumerate((ranking.test, ranking.validation)):
            value = read(one) if read else None
            if value:
                return place, ranking.badness(value)
        return 2, 0.0

    return sorted(results.experiments, key=key)
