"""Lines as programs read them: raw numbers, with their spread, count, error and doubt beside them."""

from __future__ import annotations

import math
from typing import Any

from harness.metrics.statistic import Statistic
from harness.results.tables.model import Column, Marked, Ranked, Table


def records(table: Table) -> list[dict[str, Any]]:
    """Return the lines with raw values; a mean over several seeds gets its deviation and count beside it."""
    spread, doubted, marked = (
        [column for column in table.columns if any(asked(value) for value in table.values(column.key))]
        for asked in (_has_spread, _is_doubted, _is_marked)
    )
    found = []
    for line in table.lines:
        record: dict[str, Any] = {}
        for column in table.columns:
            value = line.get(column.key)
            record |= _raw(column, value, with_spread=column in spread, doubted=column in doubted)
            record |= _judged(column, value) if column in marked else {}
        found.append(record)
    return found


def _statistic(value: Any) -> Statistic | None:
    value = value.value if isinstance(value, Ranked | Marked) else value
    return value if isinstance(value, Statistic) else None


def _has_spread(value: Any) -> bool:
    statistic = _statistic(value)
    return statistic is not None and statistic.std is not None


def _is_doubted(value: Any) -> bool:
    statistic = _statistic(value)
    return statistic is not None and bool(statistic.doubt)


def _is_marked(value: Any) -> bool:
    return isinstance(value, Marked)


def _judged(column: Column, value: Any) -> dict[str, Any]:
    error, mark = (value.error, value.mark) if isinstance(value, Marked) else (None, None)
    return {f"{column.key}_error": error, f"{column.key}_mark": mark.value if mark else None}


def _raw(column: Column, value: Any, *, with_spread: bool, doubted: bool) -> dict[str, Any]:
    statistic = _statistic(value)
    plain = statistic.mean if statistic else value
    # NaN is no JSON: a value that is not a number is none.
    record = {column.key: None if isinstance(plain, float) and not math.isfinite(plain) else plain}
    if isinstance(value, Ranked):
        record[f"{column.key}_rank"] = value.rank
    if with_spread:
        record[f"{column.key}_std"] = statistic.std if statistic else None
        record[f"{column.key}_n"] = statistic.n if statistic else None
    if doubted:
        record[f"{column.key}_doubt"] = statistic.doubt if statistic else None
    return record
