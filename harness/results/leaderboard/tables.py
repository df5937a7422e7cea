"""All tables of a run; here training and validation, and the finalists on test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.statistic import Kind
from harness.results.leaderboard import notes
from harness.results.leaderboard.pairs import comparison
from harness.results.leaderboard.perturbations import FAMILIES, over_perturbations
from harness.results.leaderboard.ranked import leaderboards, marks_over, over, overview
from harness.results.leaderboard.rankings import many
from harness.results.leaderboard.robustness import by_severity
from harness.results.leaderboard.speed import doubts, speed
from harness.results.results import Results
from harness.results.tables.model import Column, Table
from harness.results.tables.notes import brief
from harness.text import counted


def tables(results: Results) -> list[Table]:
    """Return every table of a run: the overview, validation, comparison, test, robustness and speed; leaderboards."""
    return [
        overview(results),
        _validation(results),
        *comparison(results),
        _test(results),
        *over_perturbations(results),
        *by_severity(results),
        speed(results),
        *leaderboards(results),
    ]


def summaries(results: Results, found: Sequence[Table]) -> list[str]:
    """Return the keys of the tables that a terminal shows: without those of single perturbations, where these are many.

    Programs and pages have all of them.
    """
    if not many(results):
        return [table.key for table in found]
    single = {
        f"{kind}-{name}" for kind in ("robustness", "robustness-loss", "degradation") for name in results.severities
    }
    families = {table.key.removesuffix(FAMILIES) for table in found if table.key.endswith(FAMILIES)}
    return [table.key for table in found if table.key not in single | families]


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
