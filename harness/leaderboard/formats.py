"""Text of tables: for a terminal, Markdown and LaTeX, rounded; for CSV and JSON, raw."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import tabulate as tabulate_settings
from tabulate import tabulate

from harness.leaderboard.model import Column, Kind, Ranked, Statistic, Table

_TEXT_WIDTH = 60
"""A text on a terminal is cut to this; the other formats have it whole."""

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
tabulate_settings.MIN_PADDING = 0  # a heading needs no more room than its words: tables stay within a terminal

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "≥": r"$\geq$", "Δ": r"$\Delta$", "–": "--",
    "·": r"$\cdot$",
}  # fmt: skip


def render_all(tables: Sequence[Table], format_: str) -> str:
    """Return tables as ``"terminal"``, ``"markdown"``, ``"latex"``, ``"csv"`` or ``"json"`` text.

    CSV and JSON have raw numbers: fractions, nats, and a ``…_std`` and ``…_n`` beside each mean over several seeds. CSV
    of several tables has a ``# key: title`` line before each; JSON is one object by key.
    """
    if format_ == "json":
        found = {table.key: {"title": table.title, "note": table.note, "rows": _records(table)} for table in tables}
        return json.dumps(found, indent=2, ensure_ascii=False)
    if format_ == "csv":
        return "\n".join(_csv(table, titled=len(tables) > 1) for table in tables).rstrip("\n")
    render = {"terminal": _terminal, "markdown": _markdown, "latex": _latex}[format_]
    return "\n\n".join(render(table) for table in tables)


def _terminal(table: Table) -> str:
    def printable(text: str) -> str:
        return "".join(sign if sign.isprintable() else "?" for sign in text)

    def cell(text: str) -> str:
        shown = printable(text)
        return shown if len(shown) <= _TEXT_WIDTH else shown[: _TEXT_WIDTH - 1] + "…"

    body = _grid(table, "rounded_outline", cell)
    return "\n".join(filter(None, [printable(table.title), body, printable(table.note)]))


def _markdown(table: Table) -> str:
    def escape(text: str) -> str:
        return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())

    return "\n\n".join(filter(None, [f"**{escape(table.title)}**", _grid(table, "github", escape), escape(table.note)]))


def _latex(table: Table) -> str:
    def escape(text: str) -> str:
        return "".join(_LATEX.get(sign, sign) for sign in text)

    body = _grid(table, "latex_raw", escape).replace("\\hline", "\\midrule")
    # The booktabs rules, on raw text: tabulate's own booktabs format would escape a second time.
    body = body.replace("\\midrule", "\\toprule", 1)
    head, _, tail = body.rpartition("\\midrule")
    caption = " ".join(filter(None, [escape(table.title) + ".", escape(table.note)]))
    return f"\\begin{{table}}\n\\caption{{{caption}}}\n{head}\\bottomrule{tail}\n\\end{{table}}"


def _csv(table: Table, *, titled: bool) -> str:
    import pandas as pd

    records = _records(table)
    columns = list(records[0]) if records else [column.key for column in table.columns]
    # dtype=object: a whole number stays one where another line has none.
    text = pd.DataFrame(records, columns=columns, dtype=object).to_csv(index=False)
    return f"# {table.key}: {table.title}\n{text}" if titled else text


def _grid(table: Table, style: str, escape: Callable[[str], str]) -> str:
    # A status is worth a column where it says something.
    columns = [c for c in table.columns if c.key != "status" or set(table.frame["status"]) != {"done"}]
    records = table.frame.to_dict("records")
    lines = [[escape(shown(line[column.key], column.kind)) for column in columns] for line in records]
    align = ["left" if column.kind is Kind.text else "right" for column in columns]
    headings = [escape(column.heading) for column in columns]
    return tabulate(lines, headers=headings, tablefmt=style, colalign=align if lines else None, disable_numparse=True)


def shown(value: Any, kind: Kind) -> str:
    """Return a raw value of a table, as people read it."""
    if value is None:
        return "" if kind is Kind.text else _MISSING
    if isinstance(value, Ranked):
        return f"{shown(value.value, kind)} ({value.rank})"
    if kind is Kind.text:
        return str(value)
    factor, pattern = _NUMBERS[kind]
    if not isinstance(value, Statistic):
        return format(value * factor, pattern)
    spread = f" ± {format(value.std * factor, pattern.lstrip('+'))}" if value.std is not None else ""
    return format(value.mean * factor, pattern) + spread


def _records(table: Table) -> list[dict[str, Any]]:
    """Return the lines with raw values; a mean over several seeds gets its deviation and count beside it."""
    spread = [column for column in table.columns if any(_has_spread(value) for value in table.frame[column.key])]
    found = []
    for line in table.frame.to_dict("records"):
        record: dict[str, Any] = {}
        for column in table.columns:
            record |= _raw(column, line[column.key], with_spread=column in spread)
        found.append(record)
    return found


def _statistic(value: Any) -> Statistic | None:
    value = value.value if isinstance(value, Ranked) else value
    return value if isinstance(value, Statistic) else None


def _has_spread(value: Any) -> bool:
    statistic = _statistic(value)
    return statistic is not None and statistic.std is not None


def _raw(column: Column, value: Any, *, with_spread: bool) -> dict[str, Any]:
    statistic = _statistic(value)
    plain = statistic.mean if statistic else value
    # NaN is no JSON: a value that is not a number is none.
    record = {column.key: None if isinstance(plain, float) and not math.isfinite(plain) else plain}
    if isinstance(value, Ranked):
        record[f"{column.key}_rank"] = value.rank
    if with_spread:
        record[f"{column.key}_std"] = statistic.std if statistic else None
        record[f"{column.key}_n"] = statistic.n if statistic else None
    return record
