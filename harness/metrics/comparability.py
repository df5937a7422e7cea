"""Which trials' values may be compared: times and memory of several machines may not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from harness.rows import TrialRow

_MACHINE = ("system", "processor", "cores", "python", "threads", "device")
"""What must be equal for times and memory to be compared; the libraries are what is being compared."""


def comparable(metrics: Iterable[str], rows: Iterable[TrialRow]) -> bool:
    """Return whether rows' values of metrics may be compared.

    Times and memory of several machines may not, nor times of trials that shared theirs with others.
    """
    records, compared = [CATALOGUE[name] for name in metrics], list(rows)
    if not any(metric.of_machine for metric in records):
        return True
    if any(metric.timed for metric in records) and any(row.contended for row in compared):
        return False
    return len(machines(compared)) <= 1


def machines(rows: Iterable[TrialRow]) -> set[tuple[str, ...]]:
    """Return the places that rows were made in, machine, device and threads: times of two are not comparable."""
    return {tuple(row.environment.get(key, "") for key in _MACHINE) for row in rows}
