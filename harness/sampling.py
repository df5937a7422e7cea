"""How much a metric varies with the images that it is measured on, however many seeds there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics import degradation_variance
from harness.quantities import Statistic
from harness.suite.expectations import Condition
from harness.values import measure_of, value_of

if TYPE_CHECKING:
    from harness.rows import TrialRow
    from harness.suite.relations import Metric

SETS: Mapping[Metric, str] = {
    "val_accuracy": "val",
    "val_macro_f1": "val",
    "test_accuracy": "test",
    "test_macro_f1": "test",
    "degradation": "test",
}
"""The metrics whose sampling error is known, and the set whose images they are of.

A training accuracy has none: its network was fitted to those very images, which are no sample of anything to it.
"""


def variance(metric: Metric, rows: Sequence[TrialRow], conditions: Sequence[Condition]) -> float | None:
    """Return the variance that a metric has over one drawn image, a mean over trials; over m images it is 1 / m of it.

    None for a metric outside `SETS`, and where a row lacks what it takes, as one of an earlier version does. Of several
    conditions it is that of the mean degradation; any other metric has one.

    An accuracy p is a share: p (1 - p), the binomial's, p the mean of the trials'. For the others see
    `harness.metrics.macro_f1_variance` and `harness.metrics.degradation_variance`.
    """
    if metric in {"val_accuracy", "test_accuracy"}:
        share = _mean([value_of(row, metric, conditions[0]) for row in rows])
        return None if share is None else share * (1 - share)
    if metric == "degradation":
        return _mean([_of_degradation(row, conditions) for row in rows])
    if metric == "test_macro_f1":
        measures = [measure_of(row, conditions[0]) for row in rows]
        return _mean([one.macro_f1_variance if one else None for one in measures])
    if metric == "val_macro_f1":
        return _mean([row.metrics.val_macro_f1_variance if row.metrics else None for row in rows])
    return None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    found = Statistic.of(known) if len(known) == len(values) else None
    return found.mean if found else None


def _of_degradation(row: TrialRow, conditions: Sequence[Condition]) -> float | None:
    evaluation = row.evaluation
    if evaluation is None or evaluation.joint_accuracy is None:
        return None
    places = {(one.perturbation, one.severity): place for place, one in enumerate(evaluation.measures)}
    if not all(one in places for one in conditions):
        return None
    wanted = [0, *(places[one] for one in conditions)]
    return degradation_variance(np.array(evaluation.joint_accuracy)[np.ix_(wanted, wanted)])
