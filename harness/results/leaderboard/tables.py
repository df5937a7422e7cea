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
from harness.suite.model_table import activation_of
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
            "experiment": experiment.name,
            "group": experiment.first.group,
            "architecture": experiment.architecture,
            "activation": activation_of(experiment.first.settings),
            **{metric.name: experiment.statistic(metric.name) for metric in shown},
            "parameters": experiment.first.parameters or None,  # known before anything is trained
            "status": experiment.status,
        }
        for experiment in results.trained
    ]
    trials = counted(results.counts["planned"], "trial")
    title = f"Training and validation · {results.data} · {results.counts['done']} of {trials} done"
    # A figure of a time that is not to be compared has a "!".
    times = doubts(results.trained, results.rerun)
    contended = any(experiment.contended for experiment in results.trained)
    timed = [metric.name for metric in shown if metric.of_machine]

    def noted(part: Table) -> str:
        doubt = (f"! {times}" if contended else times) if part.has(*timed) else ""
        return brief(notes.excluded(results), doubt, notes.unfinished(results))

    return Table.explained("validation", title, columns, lines, noted)


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
    for experiment in results.experiments:
        if results.finalists and experiment.name not in labels and experiment.name not in results.suite.ensembles:
            continue
        line: dict[str, Any] = {
            "experiment": experiment.name,
            "finalist": ", ".join(labels.get(experiment.name, [])) or None,
            "description": experiment.first.description,
            **{metric.name: experiment.statistic(metric.name) for metric in clean},
            "status": experiment.standing,
        }
        if base and base is not experiment:
            line["over_baseline"] = over(results, experiment, base, "test_accuracy")
        lines.append(line)
    trials = counted(results.counts["planned"], "trial")
    title = f"Finalists on the test rows · {results.data} · {results.counts['tested']} of {trials} tested"

    def noted(part: Table) -> str:
        return brief(notes.selection(results), notes.seeds(results.trained), marks_over(base, part))

    return Table.explained("test", title, columns, lines, noted)
