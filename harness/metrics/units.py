"""The units of metrics: which can share a table, and how their values and changes are shown."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from harness.metrics.statistic import Kind
from harness.rows import ALL, Condition


@dataclass(frozen=True)
class Unit:
    """Metrics of one unit can share a table: its key and name, and how values and changes are shown.

    ``possible``: the least and the greatest value that there can be.
    """

    key: str
    name: str
    value: Kind
    change: Kind
    possible: tuple[float, float]

    @property
    def sign(self) -> str:
        """What follows a heading of values: ``" %"`` or nothing."""
        return " %" if self.value in {Kind.percent, Kind.degradation} else ""

    @property
    def change_sign(self) -> str:
        """What follows a heading of changes: ``", pp"`` of percentage points, or nothing."""
        return ", pp" if self.change is Kind.points else ""


FRACTION = Unit("fractions", "Accuracies and F1, %", Kind.percent, Kind.points, (0.0, 1.0))
LOSS = Unit("losses", "Losses and calibration", Kind.loss, Kind.loss, (0.0, inf))
DEGRADATION = Unit("degradation", "Degradation, %", Kind.degradation, Kind.relative, (-inf, 100.0))
CORRUPTION = Unit("corruption", "Corruption errors, % of the baseline's", Kind.degradation, Kind.relative, (0.0, inf))
COUNT = Unit("counts", "Counts", Kind.number, Kind.number, (0.0, inf))
UNITS = (FRACTION, LOSS, DEGRADATION, CORRUPTION, COUNT)


def under(condition: Condition) -> str:
    """Return what is said behind a metric of perturbed images.

    >>> under(Condition("rotation", 15.0)), under(Condition("rotation", ALL))
    (', rotation 15', ', rotation')
    """
    name, severity = condition
    if name is None:
        return ""
    return f", {name}" if severity == ALL else f", {name} {severity:g}"
