"""Metrics that a row lacks, because it is older than they are, computed from its stored predictions."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from numpy.typing import NDArray

from harness.metrics.computed import lacking, of_predictions
from harness.metrics.predictions import Predictions, of_conditions
from harness.rows import ADVERSARIAL, EvaluationRow, Measure, TrialMetrics, TrialRow

Record = TypeVar("Record", Measure, TrialMetrics)
Opened = Callable[[str], AbstractContextManager[Mapping[str, NDArray[Any]]]]
"""Opens a file of the trial's arrays; raises OSError or ValueError where it cannot be read, or was altered."""

_UNREADABLE = (OSError, ValueError, LookupError, TypeError)
"""What is raised by a file that cannot be read, or is not what training or an evaluation writes."""


def derived(row: TrialRow, opened: Opened, classes: int) -> TrialRow:
    """Return a row with the metrics that it lacks; None for those that its predictions do not determine.

    For a row that lacks none, as this version writes it, no file is read. A row whose file cannot be read is unchanged.
    """
    with suppress(*_UNREADABLE):
        row = replace(row, metrics=_of_validation(row.metrics, opened, classes))
    with suppress(*_UNREADABLE):
        row = replace(row, evaluation=_of_test(row.evaluation, opened, classes))
    return row


def _of_validation(metrics: TrialMetrics | None, opened: Opened, classes: int) -> TrialMetrics | None:
    if metrics is None or not lacking("val", metrics.values):
        return metrics
    with opened("validation.npz") as arrays:
        return _completed(metrics, lacking("val", metrics.values), Predictions(arrays, classes))


def _of_test(evaluation: EvaluationRow | None, opened: Opened, classes: int) -> EvaluationRow | None:
    if evaluation is None:
        return None
    missing = [
        lacking("test", each.values, attacked=evaluation.families.get(each.perturbation or "") == ADVERSARIAL)
        for each in evaluation.measures
    ]
    if not any(missing):
        return evaluation
    with opened("evaluation.npz") as arrays:
        by_condition = of_conditions(arrays, classes)
        conditions = zip(evaluation.measures, missing, by_condition, strict=True)
        return replace(
            evaluation,
            measures=[_completed(each, names, predictions, by_condition[0]) for each, names, predictions in conditions],
        )


def _completed(
    record: Record, missing: Sequence[str], predictions: Predictions, clean: Predictions | None = None
) -> Record:
    # What is stored stays: another machine may have added in another order.
    return replace(record, values=of_predictions(missing, predictions, clean) | record.values)
