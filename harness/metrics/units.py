"""The units of metrics: which can share a table, and how their values and changes are shown."""

from __future__ import annotations

from dataclasses import dataclass

from harness.metrics.statistic import Kind
from harness.rows import Condition


@dataclass(frozen=True)
class Unit:
    """Metrics of one unit can share a table: its key and name, and how values and changes are shown."""

    key: str
    name: str
    value: Kind
    change: Kind

    @property
    def sign(self) -> str:
        """What follows a heading of values: ``" %"`` or nothing."""
        return " %" if self.value in {Kind.percent, Kind.degradation} else ""

    @property
    def change_sign(self) -> str:
        """What follows a heading of changes: ``", pp"`` of percentage points, or nothing."""
        return ", pp" if self.change is Kind.points else ""


FRACTION = Unit("fractions", "Accuracies and F1, %", Kind.percent, Kind.points)
LOSS = Unit("losses", "Losses and calibration", Kind.loss, Kind.loss)
DEGRADATION = Unit("degradation", "Degradation, %", Kind.degradation, Kind.relative)
COUNT = Unit("counts", "Counts", Kind.number, Kind.number)
UNITS = (FRACTION, LOSS, DEGRADATION, COUNT)


def under(condition: Condition) -> str:
    """Return what is said behind a metric of perturbed images: ``", gaussian_noise 0.3"``."""
    name, severity = condition
    return "" if name is None else f", {name} {severity:g}"
