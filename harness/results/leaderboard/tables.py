"""All tables of a run; here training and validation, the finalists on test rows, and robustness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.statistic import Kind
from harness.results.leaderboard import notes
from harness.results.leaderboard.pairs import comparison
from harness.results.leaderboard.ranked import leaderboards, marks_over, over, overview
from harness.results.leaderboard.speed import doubts, speed
from harness.results.results import Results
from harness.results.tables.model import Column, Table
from harness.results.tables.notes import brief
from harness.rows import Condition
from harness.text import counted


def tables(results: Results) -> list[Table]:
    """Return every table of a run: the overview, validation, comparison, test, robustness and speed; leaderboards."""
    return [
        overview(results),
        _validation(results),
        *comparison(results),
        _test(results),
        *_robustness(results),
        speed(results),
        *leaderboards(results),
    ]


def _validation(results: Results) -> Table:
    """Training and validation of every experiment."""
    shown = [metric for metric in CATALOGUE.values() if "validation" in metric.shown]
    columns = [
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=4),
        Column("architecture", "Architecture", minor=1),
        Column("activation", "Act.", minor=5),
        *(Column.of(metric) for metric in shown),
        Column("status", "Status"),
    ]
    lines = [
        {
            "experiment": one.name,
            "group": one.first.group,
            "architecture": one.architecture,
            "activation": one.first.settings.get("activation"),
            **{metric.name: one.statistic(metric.name) for metric in shown},
            "parameters": one.first.parameters or None,  # known before anything is trained
            "status": one.status,
        }
        for one in results.trained
    ]
    trials = counted(results.counts["planned"], "trial")
    title = f"Training and validation · {results.data} · {results.counts['done']} of {trials} done"
    # A figure of a time that is not to be compared has a "!".
    times = doubts(results.trained)
    contended = any(one.contended for one in results.trained)
    note = brief(notes.excluded(results), f"! {times}" if contended else times, notes.unfinished(results))
    return Table("validation", title, columns, lines, note)


def _test(results: Results) -> Table:
    """The finalists on the test rows."""
    clean = [metric for metric in CATALOGUE.values() if metric.of_test and not metric.perturbed]
    labels: dict[str, list[str]] = {}
    for label, names in results.finalists.items():
        for name in names:
            labels.setdefault(name, []).append(label)
    base = results.baseline
    columns = [
        Column("experiment", "Experiment"),
        Column("finalist", "Finalist", minor=2),
        Column("description", "Description", minor=1),
        *(Column.of(metric) for metric in clean),
    ]
    if base:
        columns.append(Column("over_baseline", f"vs {base.name}, pp", Kind.points))
    columns.append(Column("status", "Status"))
    lines = []
    for one in results.experiments:
        if results.finalists and one.name not in labels and one.name not in results.suite.ensembles:
            continue
        line: dict[str, Any] = {
            "experiment": one.name,
            "finalist": ", ".join(labels.get(one.name, [])) or None,
            "description": one.first.description,
            **{metric.name: one.statistic(metric.name) for metric in clean},
            "status": one.standing,
        }
        if base and base is not one:
            line["over_baseline"] = over(results, one, base, "test_accuracy")
        lines.append(line)
    trials = counted(results.counts["planned"], "trial")
    title = f"Finalists on the test rows · {results.data} · {results.counts['tested']} of {trials} tested"
    note = brief(notes.selection(results), notes.seeds(results.trained), marks_over(base, lines))
    return Table("test", title, columns, lines, note)


def _high(severities: Sequence[float], least: float | None) -> list[float]:
    """Return the severities from ``least`` on, none where their mean says nothing: of one, or of all of them."""
    high = [severity for severity in severities if least is not None and severity >= least]
    return high if 1 < len(high) < len(severities) else []


def _robustness(results: Results) -> list[Table]:
    """Accuracy at each severity and degradation at each above 0, two tables for each perturbation."""
    found = []
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
        for one in results.experiments:
            if not one.tested:
                continue
            line: dict[str, Any] = {"experiment": one.name}
            for severity in severities:
                line[f"accuracy_{severity:g}"] = one.statistic("test_accuracy", Condition(name, severity))
                line[f"degradation_{severity:g}"] = one.statistic("degradation", Condition(name, severity))
            line["mean_at_high_severity"] = one.over_severities("test_accuracy", name, high)
            line["mean_degradation"] = one.over_severities("degradation", name, noisy)
            lines.append(line)
        about = f"{name}, by severity · {results.data}"
        note = notes.unmeasured(results)
        found.append(Table(f"robustness{suffix}", f"Accuracy % under {about}", accuracy, lines, note))
        if noisy:
            fall_note = brief(note, notes.DEGRADATION)
            found.append(Table(f"robustness-loss{suffix}", f"Degradation % under {about}", fall, lines, fall_note))
    return found
