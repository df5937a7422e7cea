"""Tables as a page has them: cells in words, with what they are sorted by, and lines that filters choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from harness.metrics.catalogue import value_of
from harness.metrics.statistic import Kind, Statistic
from harness.results.experiments import FORMER, ExperimentRows
from harness.results.leaderboard.speed import doubts
from harness.results.tables.model import Column, Estimate, Marked, Place, Ranked, Table, Unavailable
from harness.results.tables.values import shown
from harness.rows import TrialRow

LONG = 26
"""Signs of a text that wraps. A shorter one stays on one line."""

Facets = Mapping[str, Sequence[str]]
"""What a line may be chosen by: ``{"group": ["Baseline"], "status": ["done", "failed"]}``."""


@dataclass(frozen=True)
class Cell:
    """A cell: its text, the number or text that its column is sorted by, and a mark for its style.

    ``order``: None where that is the text itself, empty where the cell is and stays last.
    """

    text: str
    order: str | None = None
    mark: str = ""

    @property
    def short(self) -> bool:
        """Whether it stays on one line."""
        return len(self.text) < LONG


@dataclass(frozen=True)
class Line:
    """A line of a table."""

    cells: list[Cell]
    facets: Facets


@dataclass(frozen=True)
class Sheet:
    """A table of a page. ``columns``: headings, and whether a column holds numbers."""

    key: str
    title: str
    columns: list[tuple[str, bool]]
    lines: list[Line]
    note: str = ""

    @property
    def wordy(self) -> bool:
        """Whether it has sentences, or texts in at least two of five columns: a phone then shows lines as cards.

        Numbers are compared down a column, so a table of numbers stays one, and scrolls behind its first column.
        """
        texts = [place for place, (_, number) in enumerate(self.columns) if place and not number]
        sentences = any(not line.cells[place].short for line in self.lines for place in texts)
        return sentences or 5 * len(texts) >= 2 * (len(self.columns) - 1)


def sheet(
    table: Table, facets: Callable[[Mapping[str, Any]], Facets] | None = None, *, only: Sequence[str] = ()
) -> Sheet:
    """Return a table of the leaderboards, its raw values as people read them; ``only`` these columns, if any.

    Columns of text that say nothing, a group where no experiment has one, a status where all are done, are left out.
    """
    chosen = [column for column in table.telling if not only or column.key in only]
    lines = []
    for line in table.lines:
        values = [(column, line.get(column.key)) for column in chosen]
        cells = [Cell(shown(value, column.kind), _order(value), _mark(column, value)) for column, value in values]
        lines.append(Line(cells, facets(line) if facets else {}))
    columns = [(column.heading, column.kind is not Kind.text) for column in chosen]
    return Sheet(table.key, table.title, columns, lines, table.note)


def choices(sheets: Iterable[Sheet]) -> dict[str, list[str]]:
    """Return what the filters of some tables offer: every value of each facet that has several, as they appear."""
    facets: dict[str, dict[str, None]] = {}
    for sheet in sheets:
        for line in sheet.lines:
            for name, values in line.facets.items():
                facets.setdefault(name, {}).update(dict.fromkeys(values))
    return {name: list(values) for name, values in facets.items() if len(values) > 1}


def facets_of(experiment: ExperimentRows) -> Facets:
    """Return what an experiment is chosen by: its group, the backends of its trials, and how they stand."""
    tested = [] if experiment.tested or not experiment.done else ["not a finalist"]
    return {
        "group": [experiment.first.group or "none"],
        "backend": list(dict.fromkeys(row.backend for row in experiment.rows)),
        "status": [*dict.fromkeys(row.status for row in experiment.rows), *tested],
    }


def trials(experiments: Sequence[ExperimentRows], again: Sequence[str] = ("SUITE",)) -> Sheet:
    """Return a line for every planned trial, those that failed too, with the reason. ``again``: `Results.rerun`."""
    columns = [
        Column("experiment", "Experiment"),
        Column("seed", "Seed", Kind.number),
        Column("group", "Group"),
        Column("backend", "Backend"),
        Column("val_accuracy", "Val %", Kind.percent),
        Column("test_accuracy", "Test %", Kind.percent),
        Column("epochs", "Epochs", Kind.number),
        Column("seconds", "Seconds", Kind.seconds),
        Column("status", "Status"),
        Column("reason", "Reason"),
    ]
    rows = [row for experiment in experiments for row in experiment.rows]
    trials = [_trial(experiment, row) for experiment in experiments for row in experiment.rows]
    made = sheet(Table("trials", f"All trials, {len(rows)}", columns, trials))
    lines = [
        Line(line.cells, {"group": [row.group or "none"], "backend": [row.backend], "status": [row.status]})
        for line, row in zip(made.lines, rows, strict=True)
    ]
    note = f"! {doubts(experiments, again)}" if any(row.contended for row in rows) else ""
    return Sheet(made.key, made.title, made.columns, lines, note)


def _trial(experiment: ExperimentRows, row: TrialRow) -> dict[str, Any]:
    done = row.metrics if row.status == "done" else None
    line = {key: getattr(row, key) for key in ("experiment", "group", "backend", "status", "reason")}
    line |= {key: getattr(done, key) if done else None for key in ("val_accuracy", "epochs")}
    line["seconds"] = Statistic(done.seconds, None, 1, row.contended) if done else None
    if done and row.evaluation and not experiment.finalist:
        line["reason"] = FORMER
    return line | {
        "seed": row.seed,
        "test_accuracy": value_of(row, "test_accuracy") if done and experiment.finalist else None,
    }


def _order(value: Any) -> str:
    value = (
        value.value
        if isinstance(value, Ranked | Marked | Estimate)
        else value.rank
        if isinstance(value, Place)
        else value
    )
    value = value.mean if isinstance(value, Statistic) else value
    if value is None or isinstance(value, Unavailable) or (isinstance(value, float) and not isfinite(value)):
        return ""
    return repr(value) if isinstance(value, int | float) else str(value)


_MARKS = {"met": "good", "missed": "bad", "failed": "bad", "timed out": "bad", "unavailable": "bad", "stale": "bad"}


def _mark(column: Column, value: Any) -> str:
    if isinstance(value, Ranked) and value.place.rank == 1:
        return "best"
    if column.key not in {"status", "verdict"} or not isinstance(value, str):
        return ""
    return next((mark for word, mark in _MARKS.items() if value == word or f"{word}:" in value), "")
