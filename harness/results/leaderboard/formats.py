"""Text of tables: for a terminal, Markdown and LaTeX, rounded; for CSV and JSON, raw."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import tabulate as tabulate_settings
from tabulate import tabulate

from harness.metrics.comparisons import SIGNS
from harness.metrics.statistic import Kind, Statistic
from harness.results.leaderboard.escaping import heading, of_format, terminal
from harness.results.leaderboard.fitting import Cells, Frame, fit
from harness.results.leaderboard.model import Column, Marked, Ranked, Table

_NUMBERS: dict[Kind, tuple[float, str]] = {
    Kind.number: (1.0, ",.0f"),
    Kind.percent: (100.0, ".2f"),
    Kind.points: (100.0, "+.2f"),
    Kind.relative: (1.0, "+.2f"),
    Kind.degradation: (1.0, ".2f"),
    Kind.loss: (1.0, ".4f"),
    Kind.seconds: (1.0, ",.1f"),
    Kind.rate: (1.0, ",.0f"),
}
_MISSING = "–"
Escape = Callable[[str], str]
_ROUNDED = Frame(column=3, whole=1)
"""What ``rounded_outline`` draws: ``│ cell │ cell │``."""
tabulate_settings.MIN_PADDING = 0  # a heading needs no more room than its words: tables stay within a terminal


def render_all(tables: Sequence[Table], format_: str, *, room: int | None = None, raw: bool = False) -> str:
    """Return tables as ``"terminal"``, ``"markdown"``, ``"latex"``, ``"csv"`` or ``"json"`` text.

    CSV and JSON have raw numbers: fractions, nats, a ``…_std`` and ``…_n`` beside each mean over several seeds, an
    ``…_error`` and ``…_mark`` beside a difference, and a ``…_doubt`` beside what is not to be compared. CSV of several
    tables has a ``# key: title`` line before each; JSON is one object by key. ``room``: the columns of a terminal, if
    it is one: tables are fitted into it. ``raw``: texts are not escaped for Markdown, LaTeX and spreadsheets.
    """
    if format_ == "json":
        found = {table.key: {"title": table.title, "note": table.note, "rows": _records(table)} for table in tables}
        return json.dumps(found, indent=2, ensure_ascii=False)
    escape = of_format(format_, raw=raw)
    if format_ == "csv":
        return "\n".join(_csv(table, escape, titled=len(tables) > 1, raw=raw) for table in tables).rstrip("\n")
    if format_ == "terminal":
        return "\n\n".join(_terminal(table, terminal, room) for table in tables)
    render = {"markdown": _markdown, "latex": _latex}[format_]
    return "\n\n".join(render(table, escape) for table in tables)


def _terminal(table: Table, escape: Escape, room: int | None) -> str:
    def wrapped(text: str) -> str:
        return textwrap.fill(text, room) if room else text

    parts, left_out = fit(_cells(table, escape), _ROUNDED, room)
    without = f"Not shown in {room} columns: {', '.join(left_out)}." if left_out else ""
    grids = [_drawn(part, "rounded_outline") for part in parts]
    note = " ".join(filter(None, [escape(table.note), without]))
    return "\n".join(filter(None, [wrapped(escape(table.title)), *grids, wrapped(note)]))


def _markdown(table: Table, escape: Escape) -> str:
    return "\n\n".join(
        filter(None, [f"**{escape(table.title)}**", _drawn(_cells(table, escape), "github"), escape(table.note)])
    )


def _latex(table: Table, escape: Escape) -> str:
    """Return a table in the rules of booktabs, made narrower by adjustbox where it is wider than the text."""
    # The rules, on raw text: tabulate's own booktabs format would escape a second time.
    body = _drawn(_cells(table, escape), "latex_raw").replace("\\hline", "\\midrule")
    body = body.replace("\\midrule", "\\toprule", 1)
    head, _, tail = body.rpartition("\\midrule")
    caption = " ".join(filter(None, [escape(table.title) + ".", escape(table.note)]))
    return (
        "% needs \\usepackage{booktabs, adjustbox}\n"
        f"\\begin{{table}}\n\\caption{{{caption}}}\n\\begin{{adjustbox}}{{max width=\\linewidth}}\n"
        f"{head}\\bottomrule{tail}\n\\end{{adjustbox}}\n\\end{{table}}"
    )


def _csv(table: Table, escape: Escape, *, titled: bool, raw: bool) -> str:
    import pandas as pd

    # Python's CSV quotes a line feed, and lets a carriage return end the line.
    records = [
        {key: escape("\n".join(value.splitlines())) if isinstance(value, str) else value for key, value in one.items()}
        for one in _records(table)
    ]
    columns = list(records[0]) if records else [column.key for column in table.columns]
    # dtype=object: a whole number stays one where another line has none.
    text = pd.DataFrame(records, columns=columns, dtype=object).to_csv(index=False)
    title = f"{table.key}: {table.title}"
    return f"# {title if raw else heading(title)}\n{text}" if titled else text


def _cells(table: Table, escape: Escape) -> Cells:
    # A status is worth a column where it says something.
    columns = [c for c in table.columns if c.key != "status" or set(table.frame["status"]) != {"done"}]
    records = table.frame.to_dict("records")
    lines = [[escape(shown(line[column.key], column.kind)) for column in columns] for line in records]
    minor = sorted((-column.minor, index) for index, column in enumerate(columns) if column.minor)
    return Cells(
        [escape(column.heading) for column in columns],
        lines,
        [column.kind is not Kind.text for column in columns],
        tuple(index for _, index in minor),
    )


def _drawn(cells: Cells, style: str) -> str:
    align = ["right" if right else "left" for right in cells.right]
    return tabulate(
        cells.lines,
        headers=cells.headings,
        tablefmt=style,
        colalign=align if cells.lines else None,
        disable_numparse=True,
    )


def as_shown(value: float, kind: Kind) -> float:
    """Return a number rounded as it is shown.

    >>> as_shown(0.97554, Kind.percent), as_shown(0.12344, Kind.loss)
    (97.55, 0.1234)
    """
    factor, pattern = _NUMBERS[kind]
    return float(format(value * factor, pattern).replace(",", ""))


def shown(value: Any, kind: Kind) -> str:
    """Return a raw value of a table, as people read it."""
    if value is None:
        return "" if kind is Kind.text else _MISSING
    if isinstance(value, Ranked):
        return f"{shown(value.value, kind)} ({value.rank})"
    if isinstance(value, Marked):
        return _marked(value, kind)
    if kind is Kind.text:
        return str(value)
    factor, pattern = _NUMBERS[kind]
    if not isinstance(value, Statistic):
        return format(value * factor, pattern)
    spread = f" ± {format(value.std * factor, pattern.lstrip('+'))}" if value.std is not None else ""
    return format(value.mean * factor, pattern) + spread + (" !" if value.doubt else "")


def _marked(value: Marked, kind: Kind) -> str:
    """Return ``"+0.10 ± 0.31 ≈"``, or ``"+0.10 ≈"`` of a brief one."""
    factor, pattern = _NUMBERS[kind]
    told = None if value.brief else value.error
    spread = "" if told is None else f" ± {format(told * factor, pattern.lstrip('+'))}"
    sign = f" {SIGNS[value.mark]}" if value.mark else ""
    return (format(value.value.mean * factor, pattern) + spread + sign).rstrip()


def _records(table: Table) -> list[dict[str, Any]]:
    """Return the lines with raw values; a mean over several seeds gets its deviation and count beside it."""
    spread, doubted, marked = (
        [column for column in table.columns if any(asked(value) for value in table.frame[column.key])]
        for asked in (_has_spread, _is_doubted, _is_marked)
    )
    found = []
    for line in table.frame.to_dict("records"):
        record: dict[str, Any] = {}
        for column in table.columns:
            value = line[column.key]
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
