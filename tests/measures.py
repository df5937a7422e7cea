"""Measures of test rows, made for tests: by the names that the catalogue has, without their prefix."""

from dataclasses import replace

from harness.rows import Measure


def measure(perturbation, severity, accuracy, macro_f1=0.5, cross_entropy=1.0, ece=0.1):
    """Return a measure with these values."""
    values = {"accuracy": accuracy, "macro_f1": macro_f1, "cross_entropy": cross_entropy, "ece": ece}
    return Measure(perturbation, severity, {f"test_{name}": value for name, value in values.items()})


def changed(row, **values):
    """Return a measure with some other values, ``accuracy=0.5``."""
    return replace(row, values=row.values | {f"test_{name}": value for name, value in values.items()})


def fallen(row, clean, percent):
    """Return a measure whose accuracy is this percentage below the clean one."""
    return changed(row, accuracy=clean.values["test_accuracy"] * (1 - percent / 100))
