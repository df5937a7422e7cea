"""Pairs of experiments side by side, with what each difference means."""

from __future__ import annotations

from typing import Any

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.comparisons import CONFIDENCE
from harness.metrics.statistic import Kind
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard import notes
from harness.results.results import Results
from harness.results.tables.model import Column, Marked, Table

_SHOWN = tuple(metric for metric in CATALOGUE.values() if "pairs" in metric.shown)


def comparison(results: Results) -> list[Table]:
    """Return the table of a suite's pairs, none without any: two experiments, then the second less the first.

    Values are means over the seeds that an experiment has, differences are over those that both have. A loss's is in
    percent of the first's. Test values are there where both are tested.
    """
    lines = [line for first, second in results.pairs for line in _lines(results, first, second)]
    if not lines:
        return []
    shown = [metric for metric in _SHOWN if not metric.of_test or any(line.get(metric.name) for line in lines)]
    columns = [Column("experiment", "Experiment"), Column("backend", "Backend", minor=1)]
    for metric in shown:
        relative = metric.kind is Kind.loss
        columns.append(Column.of(metric))
        change = Kind.relative if relative else Kind.points
        columns.append(Column(_change(metric), "Δ, %" if relative else "Δ, pp", change))
    cells = [line.get(_change(metric)) for line in lines for metric in shown]
    spreads = [
        "of values the standard deviation over seeds"
        if any(len(one.done) > 1 for pair in results.pairs for one in pair)
        else "",
        f"of Δ half its {CONFIDENCE:.0%} interval" if any(cell and cell.error is not None for cell in cells) else "",
    ]
    note = notes.joined(
        f"±: {', '.join(filter(None, spreads))}." if any(spreads) else "",
        notes.marks("Δ, the second less the first", cells),
        notes.seeds([one for one in results.experiments if any(one in pair for pair in results.pairs)]),
    )
    return [Table("comparison", f"Side by side · {results.data}", columns, lines, note)]


def _lines(results: Results, first: ExperimentRows, second: ExperimentRows) -> list[dict[str, Any]]:
    both: list[dict[str, Any]] = []
    for one in (first, second):
        known = [metric.name for metric in _SHOWN if not metric.of_test or (first.tested and second.tested)]
        values = {name: one.statistic(name) for name in known}
        both.append({"experiment": one.name, "backend": one.backend, **values})
    change: dict[str, Any] = {"experiment": f"{second.name} − {first.name}", "backend": ""}
    for metric in _SHOWN:
        found = results.over(second, first, metric.name)
        if found is None:
            continue
        if metric.kind is not Kind.loss:
            change[_change(metric)] = Marked.of(found)
        elif found.first.mean:
            change[_change(metric)] = Marked.of(found, scale=100.0 / found.first.mean)
    return [*both, change]


def _change(metric: Metric) -> str:
    return f"{metric.name}_change"
