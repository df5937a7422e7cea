"""A ranking by any metric of the catalogue: each experiment's place, value and difference from the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import HarnessError, as_typed, nearest
from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.comparisons import Difference
from harness.metrics.statistic import Statistic
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard.rankings import Ranking, ordered, places
from harness.results.results import Results
from harness.results.tables.model import Place
from harness.rows import Condition


@dataclass(frozen=True)
class BoardLine:
    """An experiment in a ranking; what it has no value for is None.

    ``interval``: the 95 % confidence interval of its mean, over seeds and test images. ``over_baseline``: how much it
    is above the suite's baseline.
    """

    experiment: ExperimentRows
    place: Place | None
    value: Statistic | None
    interval: tuple[float, float] | None
    over_baseline: Difference | None


def board(results: Results, metric: str, perturbation: str | None = None) -> list[BoardLine]:
    """Return the experiments ranked by a metric, best first; those without a value come last.

    ``perturbation``: by the mean over its severities above 0, instead of by the clean images.

    Raises:
        HarnessError: there is no such metric, it is not of test rows, or nothing was measured under the perturbation.
    """
    if metric not in CATALOGUE:
        msg = f"{as_typed(metric, 80)}: no such metric. {nearest(metric, CATALOGUE)}"
        raise HarnessError(msg)
    known = CATALOGUE[metric]
    ranking = _ranking(known, perturbation, _severities(results, known, perturbation))
    ranked = places(results, ranking) if known.higher_is_better is not None else {}
    base = results.baseline
    lines = []
    for experiment in ordered(results, ranking):
        value = ranking.test(experiment)
        over = results.over(experiment, base, metric, ranking.conditions) if base and value else None
        interval = _interval(results, ranking, experiment) if value else None
        other = over if experiment is not base else None
        lines.append(BoardLine(experiment, ranked.get(experiment.name), value, interval, other))
    return lines


def _interval(results: Results, ranking: Ranking, experiment: ExperimentRows) -> tuple[float, float] | None:
    level = ranking.analysis(results).level(experiment.name)
    return None if level is None or level.low is None or level.high is None else (level.low, level.high)


def _severities(results: Results, metric: Metric, perturbation: str | None) -> list[float]:
    """Return the severities above 0 of a perturbation, none without one."""
    if perturbation is None:
        if metric.perturbed:
            msg = f"{metric.name}: it is of perturbed images. Name a perturbation. {nearest('', results.perturbations)}"
            raise HarnessError(msg)
        return []
    severities = [severity for severity in results.perturbations.get(perturbation, []) if severity > 0]
    if not metric.of_test:
        msg = f"{metric.name}: it is not of test rows: no perturbation applies"
        raise HarnessError(msg)
    if not severities:
        what = f"{as_typed(perturbation, 80)}: no experiment was measured under it at a severity above 0"
        msg = f"{what}. {nearest(perturbation, results.perturbations)}"
        raise HarnessError(msg)
    return severities


def _ranking(metric: Metric, perturbation: str | None, severities: Sequence[float]) -> Ranking:
    if perturbation is None:
        return Ranking(metric.name, metric, metric.name, metric.title, lambda e: e.statistic(metric.name), None)
    return Ranking(
        metric.name,
        metric,
        metric.name,
        metric.title,
        lambda e: e.over_severities(metric.name, perturbation, severities),
        None,
        perturbation,
        tuple(Condition(perturbation, severity) for severity in severities),
    )
