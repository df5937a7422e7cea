"""What a run can be ranked by, and the place of each experiment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.errors import HarnessError, as_typed, nearest
from harness.metrics.analysis import Analysis
from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.comparisons import Mark
from harness.metrics.corruption import Ratio
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

    ``perturbation``: of a degradation, None of the clean images and of a mean over perturbations. ``conditions``: those
    that it is the mean over. ``partial``: a value over fewer perturbations, which has no rank.
    """

    key: str
    metric: Metric
    title: str
    heading: str
    test: Value
    validation: Value | None
    perturbation: str | None = None
    conditions: tuple[Condition, ...] = (CLEAN,)
    partial: Value | None = None

    @property
    def clean(self) -> bool:
        """Whether it is of clean images alone."""
        return not self.metric.perturbed

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


_RANKED = [metric for metric in CATALOGUE.values() if "leaderboards" in metric.shown]
OF_CLEAN = tuple(_clean(metric) for metric in _RANKED if metric.ratio is None)
"""The rankings of clean images, that by accuracy first."""
FEW = 3
"""Of at most three perturbations, each is a column of tables that have other columns, too."""


def many(results: Results) -> bool:
    """Return whether perturbations are too many for a column each."""
    return len(results.perturbations) > FEW


def headlines(results: Results) -> list[Ranking]:
    """Return the rankings that a table of everything has room for, without those by each of many perturbations."""
    every = rankings(results)
    return every if not many(results) else [ranking for ranking in every if ranking.perturbation is None]


def leading(results: Results) -> Ranking:
    """Return the ranking that the suite's leaderboard is in the order of; that by accuracy where it has no value."""
    by = results.suite.leaderboard.by
    return next((ranking for ranking in rankings(results) if ranking.metric.name == by), OF_CLEAN[0])


def ordered_by(results: Results, by: str | None) -> Results:
    """Return results whose leaderboard is in the order of another metric; as they are without one.

    Raises:
        HarnessError: leaderboards do not rank by it.
    """
    if by is None:
        return results
    known = [metric.name for metric in _RANKED]
    if by not in known:
        msg = f"--by {as_typed(by, 80)}: leaderboards do not rank by it. {nearest(by, known)}"
        raise HarnessError(msg)
    board = results.suite.leaderboard.model_copy(update={"by": by})
    return replace(results, suite=results.suite.model_copy(update={"leaderboard": board}))


def rankings(results: Results) -> list[Ranking]:
    """Return what a run can be ranked by: the clean metrics, corruption errors, the mean degradations.

    At severity 0 images are as they were, and nothing is lost: a perturbation at no other severity ranks nothing. Mean
    corruption errors are of several perturbations, or of one where the suite ranks by them.
    """
    measured = results.perturbations
    degradations = [
        _degradation(name, severities, alone=len(measured) == 1)
        for name, severities in measured.items()
        if any(severity > 0 for severity in severities)
    ]
    by, corruptions = results.suite.leaderboard.by, results.corruptions
    relative = [
        _relative(metric, ratio)
        for metric in _RANKED
        if (ratio := metric.ratio) and corruptions.covered(ratio) and (corruptions.several or metric.name == by)
    ]
    return [*OF_CLEAN, *relative, *degradations]


def _relative(metric: Metric, ratio: Ratio) -> Ranking:
    def partial(experiment: ExperimentRows) -> Statistic | None:
        each = [experiment.corruptions.partial(ratio, row) for row in experiment.tested]
        return Statistic.of([fmean(values.values()) for values in each if values])

    return Ranking(
        metric.name.replace("_", "-"),
        metric,
        metric.name.replace("_", " "),
        metric.title,
        lambda e: e.statistic(metric.name),
        None,
        partial=partial,
    )


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
    be anywhere; so it has no confidence set, and theirs are wider by one. Networks of one seed have no sets: a rank is
    marked where another network does not differ significantly.
    """
    values = {experiment.name: value for experiment in results.experiments if (value := ranking.test(experiment))}
    bad = {name: as_shown(ranking.badness(value), ranking.metric.kind) for name, value in values.items()}
    analysis = ranking.analysis(results) if values else None
    ranks = analysis.ranks if analysis else {}
    apart = sum(name not in ranks for name in values)
    unsure = Mark.undecided if analysis and analysis.basis == "nothing" else Mark.insignificant
    in_order = sorted(bad.values())
    by_experiment = {}
    for name, mine in bad.items():
        rank = 1 + bisect_left(in_order, mine)
        known = ranks.get(name)
        if known is None or known.rank_low is None or known.rank_high is None:
            by_experiment[name] = Place(rank, mark=unsure if known and known.tied_with else None)
        else:
            # Means over the seeds that all have may rank otherwise than means over the seeds of each.
            by_experiment[name] = Place(rank, min(rank, known.rank_low), max(rank, known.rank_high + apart))
    return by_experiment


def ordered(results: Results, ranking: Ranking) -> list[ExperimentRows]:
    """Return the tested experiments, best first; then the others by validation; then those without a value."""

    def key(experiment: ExperimentRows) -> tuple[int, float]:
        for place, read in enumerate((ranking.test, ranking.validation)):
            value = read(experiment) if read else None
            if value:
                return place, ranking.badness(value)
        return 2, 0.0

    return sorted(results.experiments, key=key)
