"""How much a metric varies with the images that it is measured on, however many seeds there are.

A training accuracy has no such variance: its network was fitted to those very images, which are no sample to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.classification import degradation_variance
from harness.metrics.statistic import Statistic
from harness.rows import Condition, measure_of

if TYPE_CHECKING:
    from harness.metrics.reading import Read
    from harness.rows import TrialRow

Variance = Callable[["Read", "Sequence[TrialRow]", "Sequence[Condition]"], "float | None"]
"""Returns a metric's variance over one drawn image, a mean over trials; over m images it is 1 / m of it.

The first argument reads the metric. None where a row lacks what it takes, as one of an earlier version does. Of several
conditions it is that of the mean.
"""


def of_share(read: Read, rows: Sequence[TrialRow], conditions: Sequence[Condition]) -> float | None:
    """Return the variance of an accuracy p, the binomial's p (1 - p) of the trials' mean p."""
    share = _mean([read(row, conditions[0]) for row in rows])
    return None if share is None else share * (1 - share)


def as_computed(name: str, *, test: bool) -> Variance:
    """Return how to read a variance that was computed from predictions, beside its metric."""

    def variance(_: Read, rows: Sequence[TrialRow], conditions: Sequence[Condition]) -> float | None:
        records = [measure_of(row, conditions[0]) if test else row.metrics for row in rows]
        return _mean([record.variances.get(name) if record else None for record in records])

    return variance


def of_degradation(_: Read, rows: Sequence[TrialRow], conditions: Sequence[Condition]) -> float | None:
    """Return `harness.metrics.degradation_variance` of the mean degradation over the conditions."""
    return _mean([_of_degradation(row, conditions) for row in rows])


def _of_degradation(row: TrialRow, conditions: Sequence[Condition]) -> float | None:
    evaluation = row.evaluation
    if evaluation is None or evaluation.joint_accuracy is None:
        return None
    places = {measure.condition: place for place, measure in enumerate(evaluation.measures)}
    if not all(condition in places for condition in conditions):
        return None
    wanted = [0, *(places[condition] for condition in conditions)]
    return degradation_variance(np.array(evaluation.joint_accuracy)[np.ix_(wanted, wanted)])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    found = Statistic.of(known) if len(known) == len(values) else None
    return found.mean if found else None
