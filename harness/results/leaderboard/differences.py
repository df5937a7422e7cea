"""Every pair of experiments in every ranking: the difference, its confidence interval, and what it rests on."""

from __future__ import annotations

from typing import Any

from harness.metrics.statistic import Kind
from harness.results.leaderboard import notes
from harness.results.leaderboard.rankings import rankings
from harness.results.results import Results
from harness.results.tables.inference import pair_cells, pair_columns
from harness.results.tables.model import Column, Table


def differences(results: Results) -> list[Table]:
    """Return a table for each ranking that compares experiments: how much one is above the other, for each pair.

    p-values are adjusted for the number of pairs in the table (Holm).
    """
    tables = []
    for ranking in rankings(results):
        pairs = ranking.analysis(results).pairs
        if not pairs:
            continue
        change = ranking.metric.unit.change if ranking.metric.kind is not Kind.loss else Kind.loss
        columns = [
            Column("first", "First", names=True),
            Column("second", "Second", names=True),
            Column("difference", "Difference", change),
            *pair_columns(change),
            Column("significant", "Significant"),
        ]
        lines: list[dict[str, Any]] = [
            {
                "first": pair.first,
                "second": pair.second,
                "difference": pair.difference,
                **pair_cells(pair),
                "significant": pair.significant,
            }
            for pair in pairs
        ]
        title = f"Differences in {ranking.title} · {results.data} · first less second"
        tables.append(Table(f"differences-{ranking.key}", title, columns, lines, notes.lost(results)))
    return tables
