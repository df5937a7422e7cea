"""Parts of tables: some of the columns, in an order of one's own, and some of the lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import HarnessError, as_typed, nearest
from harness.metrics.statistic import Kind
from harness.results.tables.model import Column, Table
from harness.suite.finalists import matching


def only(tables: Sequence[Table], columns: Sequence[str] = (), rows: Sequence[str] = ()) -> list[Table]:
    """Return tables with the ``columns`` of these keys or headings, in this order, and the ``rows`` of these names.

    A row's name is its experiment, or what its first column of text says; names match exactly before they match as a
    glob. Tables that have none of the columns, or none of the rows, are left out. Without a choice, tables are whole.

    Raises:
        HarnessError: no table has a column or a row of a name.
    """
    return _with_rows(_with_columns(tables, columns), rows)


def _with_columns(tables: Sequence[Table], names: Sequence[str]) -> list[Table]:
    if not names:
        return list(tables)
    for name in names:
        if all(_column(table, name) is None for table in tables):
            known = dict.fromkeys(column.key for table in tables for column in table.columns)
            msg = f"--column {as_typed(name, 80)}: no such column in these tables. {nearest(name, known)}"
            raise HarnessError(msg)
    parts = [(table, [column for name in names if (column := _column(table, name))]) for table in tables]
    return [table.part(columns=chosen) for table, chosen in parts if chosen]


def _column(table: Table, name: str) -> Column | None:
    by_key = {column.heading: column for column in table.columns} | {column.key: column for column in table.columns}
    return by_key.get(name)


def _with_rows(tables: Sequence[Table], patterns: Sequence[str]) -> list[Table]:
    if not patterns:
        return list(tables)
    names = [[_name(table, line) for line in table.lines] for table in tables]
    for pattern in patterns:
        if not any(matching(pattern, each) for each in names):
            known = dict.fromkeys(name for each in names for name in each)
            msg = f"--row {as_typed(pattern, 80)}: no such row in these tables. {nearest(pattern, known)}"
            raise HarnessError(msg)
    kept = []
    for table, each in zip(tables, names, strict=True):
        wanted = {name for pattern in patterns for name in matching(pattern, each)}
        lines = [line for line, name in zip(table.lines, each, strict=True) if name in wanted]
        kept += [table.part(lines=lines)] if lines else []
    return kept


def _name(table: Table, line: Mapping[str, Any]) -> str:
    if "experiment" in line:
        return str(line["experiment"])
    return next((str(line.get(column.key) or "") for column in table.columns if column.kind is Kind.text), "")
