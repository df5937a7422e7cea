"""What a trial's row has for a metric, and how the values of two sides are set against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING

from harness.quantities import Statistic
from harness.suite.expectations import Condition
from harness.suite.relations import OF_THE_MACHINE, Metric

if TYPE_CHECKING:
    from harness.rows import Measure, TrialRow

_TEST = {
    "test_accuracy": "accuracy",
    "test_macro_f1": "macro_f1",
    "test_cross_entropy": "cross_entropy",
    "test_ece": "ece",
    "degradation": "degradation",
}
_OF_THE_ROW = ("parameters", "anonymous_bytes")
_TIMES: frozenset[Metric] = frozenset({"seconds", "samples_per_second"})
_MACHINE = ("system", "processor", "cores", "python", "threads", "device")
"""What must be equal for times and memory to be compared; the libraries are what is being compared."""


def value_of(row: TrialRow, metric: Metric, condition: Condition = (None, 0.0)) -> float | None:
    """Return a done trial's metric, None where it has none; the condition is of test rows."""
    if metric in _TEST:
        measure = measure_of(row, condition)
        return None if measure is None else float(getattr(measure, _TEST[metric]))
    if metric in _OF_THE_ROW:
        value = getattr(row, metric)
    elif row.metrics is None:
        return None
    elif metric == "gap":
        value = row.metrics.train_accuracy - row.metrics.val_accuracy
    else:
        value = getattr(row.metrics, metric)
    return None if value is None else float(value)


def measure_of(row: TrialRow, condition: Condition) -> Measure | None:
    """Return a tested row's measure under a condition, None where it has none."""
    measures = row.evaluation.measures if row.evaluation else []
    return next((one for one in measures if (one.perturbation, one.severity) == condition), None)


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Statistic | None:
    """Return how much the first is above the second, seed by seed; without a common seed, by the means."""
    common = [seed for seed in first if seed in second]
    if common:
        return Statistic.of([first[seed] - second[seed] for seed in common])
    if not first or not second:
        return None
    return Statistic(fmean(first.values()) - fmean(second.values()), None, min(len(first), len(second)))


def comparable(metrics: Iterable[Metric], rows: Iterable[TrialRow]) -> bool:
    """Say whether rows' values of metrics may be set against each other.

    Times and memory of several machines may not, nor times of trials that shared theirs with others.
    """
    asked, found = set(metrics), list(rows)
    if not asked & OF_THE_MACHINE:
        return True
    if asked & _TIMES and any(row.contended for row in found):
        return False
    return len(machines(found)) <= 1


def machines(rows: Iterable[TrialRow]) -> set[tuple[str, ...]]:
    """Return the places that rows were made in, machine, device and threads: times of two are not comparable."""
    return {tuple(row.environment.get(key, "") for key in _MACHINE) for row in rows}
