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

Variance = Callable[["Sequence[TrialRow]", Sequence[Condition]], "float | None"]
"""Returns the variance over one drawn image, a mean over trials; over m images it is 1 / m of it.

None where a row lacks what it takes, as one of an earlier version does. Of several conditions it is that of the mean.
"""


def of_share(read: Read) -> Variance:
    """Return the variance of an accuracy p, the binomial's p (1 - p) of the trials' mean p."""

    def variance(rows: Sequence[TrialRow], conditions: Sequence[Condition]) -> float | None:
        share = _mean([read(row, conditions[0]) for row in rows])
        return None if share is None else share * (1 - share)

    return variance


def of_val_macro_f1(rows: Sequence[TrialRow], _: Sequence[Condition]) -> float | None:
    """Return what `harness.metrics.macro_f1_variance` gave for the validation rows."""
    return _mean([row.metrics.val_macro_f1_variance if row.metrics else None for row in rows])


def of_test_macro_f1(rows: Sequence[TrialRow], conditions: Sequence[Condition]) -> float | None:
    """Return what `harness.metrics.macro_f1_variance` gave for the test rows."""
    measures = [measure_of(row, conditions[0]) for row in rows]
    return _mean([one.macro_f1_variance if one else None for one in measures])


def of_degradation(rows: Sequence[TrialRow], conditions: Sequence[Condition]) -> float | None:
    """Return `harness.metrics.degradation_variance` of the mean degradation over the conditions."""
    return _mean([_of_degradation(row, conditions) for row in rows])


def _of_degradation(row: TrialRow, conditions: Sequence[Condition]) -> float | None:
    evaluation = row.evaluation
    if evaluation is None or evaluation.joint_accuracy is None:
        return None
    places = {(one.perturbation, one.severity): place for place, one in enumerate(evaluation.measures)}
    if not all(one in places for one in conditions):
        return None
    wanted = [0, *(places[one] for one in conditions)]
    return degradation_variance(np.array(evaluation.joint_accuracy)[np.ix_(wanted, wanted)])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    found = Statistic.of(known) if len(known) == len(values) else None
    return found.mean if found else None
