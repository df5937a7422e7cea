"""Accuracy and degradation under each perturbation, by severity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.metrics.statistic import Kind
from harness.results.leaderboard import notes
from harness.results.results import Results
from harness.results.tables.model import Column, Table
from harness.results.tables.notes import brief
from harness.rows import Condition


def _high(severities: Sequence[float], least: float | None) -> list[float]:
    """Return the severities from ``least`` on, none where their mean says nothing: of one, or of all of them."""
    high = [severity for severity in severities if least is not None and severity >= least]
    return high if 1 < len(high) < len(severities) else []


def by_severity(results: Results) -> list[Table]:
    """Accuracy at each severity and degradation at each above 0, two tables for each perturbation."""
    tables = []
    several = results.perturbations
    for name, severities in several.items():
        suffix = "" if len(several) == 1 else f"-{name}"
        noisy = [severity for severity in severities if severity > 0]
        least = results.suite.leaderboard.high_severity.get(name)
        high = _high(noisy, least)
        accuracy = [Column("experiment", "Experiment")]
        accuracy += [Column(f"accuracy_{severity:g}", f"{severity:g}", Kind.percent) for severity in severities]
        if high:
            accuracy.append(Column("mean_at_high_severity", f"mean ≥ {least:g}", Kind.percent))
        fall = [Column("experiment", "Experiment")]
        fall += [Column(f"degradation_{s:g}", f"{s:g}", Kind.degradation) for s in noisy]
        fall.append(Column("mean_degradation", "mean", Kind.degradation))
        lines = []
        for experiment in results.experiments:
            if not experiment.tested:
                continue
            line: dict[str, Any] = {"experiment": experiment.name}
            for severity in severities:
                line[f"accuracy_{severity:g}"] = experiment.statistic("test_accuracy", Condition(name, severity))
                line[f"degradation_{severity:g}"] = experiment.statistic("degradation", Condition(name, severity))
            line["mean_at_high_severity"] = experiment.over_severities("test_accuracy", name, high)
            line["mean_degradation"] = experiment.over_severities("degradation", name, noisy)
            lines.append(line)
        about = f"{name}, by severity · {results.data}"
        note = brief(notes.unmeasured(results), notes.unavailable(results, [name]))
        tables.append(Table(f"robustness{suffix}", f"Accuracy % under {about}", accuracy, lines, note))
        if noisy:
            fall_note = brief(note, notes.DEGRADATION)
            tables.append(Table(f"robustness-loss{suffix}", f"Degradation % under {about}", fall, lines, fall_note))
    return tables
