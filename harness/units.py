"""The units of metrics: which can share a table, and how their values and changes are shown."""

from __future__ import annotations

from dataclasses import dataclass

from harness.quantities import Kind
from harness.suite.expectations import Condition
from harness.suite.relations import Metric


@dataclass(frozen=True)
class Unit:
    """Metrics that one table can hold: what they are called, and how values and changes are shown."""

    name: str
    value: Kind
    change: Kind
    metrics: tuple[Metric, ...]


UNITS = {
    "fractions": Unit(
        "Accuracies and F1, %",
        Kind.percent,
        Kind.points,
        ("train_accuracy", "val_accuracy", "val_macro_f1", "gap", "test_accuracy", "test_macro_f1"),
    ),
    "losses": Unit(
        "Losses and calibration",
        Kind.loss,
        Kind.loss,
        ("train_loss", "val_loss", "val_ece", "test_cross_entropy", "test_ece"),
    ),
    "degradation": Unit("Degradation, %", Kind.degradation, Kind.relative, ("degradation",)),
    "counts": Unit(
        "Counts",
        Kind.number,
        Kind.number,
        ("epochs", "best_epoch", "parameters", "seconds", "samples_per_second", "peak_device_bytes", "anonymous_bytes"),
    ),
}


def unit_of(metric: Metric) -> Unit:
    """Return the unit that a metric has."""
    return next(unit for unit in UNITS.values() if metric in unit.metrics)


def under(condition: Condition) -> str:
    """Return what is said behind a metric of perturbed images: ``", gaussian_noise 0.3"``."""
    name, severity = condition
    return "" if name is None else f", {name} {severity:g}"
