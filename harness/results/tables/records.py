"""Lines as programs read them: raw numbers, with their spread, count, error and doubt beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from harness.metrics.statistic import Kind, Statistic
from harness.results.tables.model import Column, Estimate, Marked, Place, Ranked, Table, Unavailable, Worded


def by_key(tables: Iterable[Table]) -> dict[str, dict[str, Any]]:
    """Return tables by their keys, each with its ``title``, its ``note``, and its `records` as ``rows``."""
    return {table.key: {"title": table.title, "note": table.note, "rows": records(table)} for table in tables}


def records(table: Table) -> list[dict[str, Any]]:
    """Return the lines with raw values; a mean over several seeds gets its deviation and count beside it."""
    spread, doubted, marked, placed, lacking, estimated = (
        [column for column in table.columns if any(asked(value) for value in table.values(column.key))]
        for asked in (_has_spread, _is_doubted, _is_marked, _is_placed, _is_unavailable, _is_estimated)
    )
    lines = []
    for line in table.lines:
        record: dict[str, Any] = {}
        for column in table.columns:
            value = line.get(column.key)
            record |= _raw(column, value, with_spread=column in spread, doubted=column in doubted)
            record |= _judged(column, value) if column in marked else {}
            record |= _placed(column, value) if column in placed else {}
            if column in lacking:
                record[f"{column.key}_unavailable"] = value.reason if isinstance(value, Unavailable) else None
            record |= _ends(column, value) if column in estimated else {}
        lines.append(record)
    return lines


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


def _is_unavailable(value: Any) -> bool:
    return isinstance(value, Unavailable)


def _is_placed(value: Any) -> bool:
    return isinstance(value, Place | Ranked)


def _is_estimated(value: Any) -> bool:
    return isinstance(value, Estimate)


def _ends(column: Column, value: Any) -> dict[str, Any]:
    low, high = (value.low, value.high) if isinstance(value, Estimate) else (None, None)
    return {f"{column.key}_low": low, f"{column.key}_high": high}


def _placed(column: Column, value: Any) -> dict[str, Any]:
    """Return a rank and the ends of its confidence set: ``rank``, ``rank_low`` and ``rank_high``."""
    key = column.key if column.kind is Kind.number else f"{column.key}_rank"
    place = value.place if isinstance(value, Ranked) else value
    rank, low, high = (place.rank, place.low, place.high) if isinstance(place, Place) else (None, None, None)
    return {key: rank, f"{key}_low": low, f"{key}_high": high}


def _judged(column: Column, value: Any) -> dict[str, Any]:
    marked = value if isinstance(value, Marked) else Marked(Statistic(0.0, None, 0), None, None)
    low, high = marked.interval or (None, None)
    mark = marked.mark.value if marked.mark else None
    facts = {"low": low, "high": high, "p": marked.p, "p_holm": marked.p_holm, "mark": mark}
    return {f"{column.key}_{name}": part for name, part in facts.items()}


def _raw(column: Column, value: Any, *, with_spread: bool, doubted: bool) -> dict[str, Any]:
    statistic = _statistic(value)
    value = None if _is_unavailable(value) else value
    value = value.value if isinstance(value, Estimate | Worded) else value
    plain = statistic.mean if statistic else list(value) if isinstance(value, tuple) else value
    # NaN is no JSON: a value that is not a number is none.
    record = {column.key: None if isinstance(plain, float) and not math.isfinite(plain) else plain}
    if with_spread:
        record[f"{column.key}_std"] = statistic.std if statistic else None
        record[f"{column.key}_n"] = statistic.n if statistic else None
    if doubted:
        record[f"{column.key}_doubt"] = statistic.doubt if statistic else None
    return record
