"""How a metric is read from a trial's row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.rows import Condition, measure_of

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


def of_test(key: str) -> Read:
    """Return how to read a field of `Measure`, under the condition."""

    def read(row: TrialRow, condition: Condition) -> float | None:
        measure = measure_of(row, condition)
        return None if measure is None else float(getattr(measure, key))

    return read
