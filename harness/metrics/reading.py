"""How a metric is read from a trial's row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.metrics.classification import degradation
from harness.rows import CLEAN, Condition, measure_of

if TYPE_CHECKING:
    from harness.rows import TrialMetrics, TrialRow

Read = Callable[["TrialRow", Condition], "float | None"]
"""Returns a done trial's value, None where it has none; the condition is of test rows."""


def of_training(key: str) -> Read:
    """Return how to read what training ended with, a field of `TrialMetrics`."""
    return computed(lambda metrics: getattr(metrics, key))


def computed(compute: Callable[[TrialMetrics], float | None]) -> Read:
    """Return how to read what follows from `TrialMetrics`."""

    def read(row: TrialRow, _: Condition) -> float | None:
        value = None if row.metrics is None else compute(row.metrics)
        return None if value is None else float(value)

    return read


def of_row(key: str) -> Read:
    """Return how to read a field of the row itself."""

    def read(row: TrialRow, _: Condition) -> float | None:
        value = getattr(row, key)
        return None if value is None else float(value)

    return read


def of_values(name: str, *, test: bool) -> Read:
    """Return how to read a value that was computed from predictions: of test rows under the condition, or validation.

    None where the row lacks it, as one of an earlier version may.
    """

    def read(row: TrialRow, condition: Condition) -> float | None:
        record = measure_of(row, condition) if test else row.metrics
        return None if record is None else record.values.get(name)

    return read


def nothing(_row: TrialRow, _condition: Condition) -> None:
    """Return None: no row alone has the value."""


def fall(row: TrialRow, condition: Condition) -> float | None:
    """Return `harness.metrics.degradation` of the test accuracy under a condition."""
    read = of_values("test_accuracy", test=True)
    clean, perturbed = read(row, CLEAN), read(row, condition)
    return None if clean is None or perturbed is None else degradation(clean, perturbed)
