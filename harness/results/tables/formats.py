"""Text of tables: for a terminal, Markdown and LaTeX, rounded; for CSV and JSON, raw."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

from harness.metrics.statistic import Kind
from harness.results.tables import escaping
from harness.results.tables.drawing import PLAIN, ROUNDED, draw
from harness.results.tables.fitting import Cells, Frame, fit
from harness.results.tables.latex import Float, in_float
from harness.results.tables.model import Table
from harness.results.tables.records import by_key, records
from harness.results.tables.values import shown
from harness.results.tables.wrapping import wrapped
from harness.text import command

Escape = Callable[[str], str]


def render_all(
    tables: Sequence[Table],
    format_: str,
    *,
    room: int | None = None,
    raw: bool = False,
    around: Float | None = None,
    others: str | None = None,
) -> str:
    """Return tables as ``"terminal"``, ``"markdown"``, ``"latex"``, ``"csv"`` or ``"json"`` text.

    CSV and JSON have raw numbers: fractions, nats, a ``…_std`` and ``…_n`` beside each mean over several seeds, the
    confidence interval ``…_low`` and ``…_high``, ``…_p``, ``…_p_holm`` and ``…_mark`` beside a difference, the
    confidence set ``rank_low`` and ``rank_high`` beside a rank, a ``…_doubt`` beside what is not to be compared. CSV of
    several tables has a ``# key: title`` line before each; JSON is one object by key. ``room``: the columns of a
    terminal, if it is one: tables are fitted into it, and go on below. ``others``: tables are in brief there, without
    minor columns that have no room, and this command shows them whole. ``raw``: texts are not escaped for Markdown,
    LaTeX and spreadsheets. ``around``: caption and label of LaTeX.
    """
    if format_ == "json":
        return json.dumps(by_key(tables), indent=2, ensure_ascii=False)
    escape = escaping.of_format(format_, raw=raw)
    if format_ == "csv":
        return "\n".join(_csv(table, escape, titled=len(tables) > 1, raw=raw) for table in tables).rstrip("\n")
    if format_ == "terminal":
        return "\n\n".join(_terminal(table, escape, ROUNDED, room, _wholly(table, others)) for table in tables)
    if format_ == "latex":
        return "\n\n".join(_latex(table, escape, around or Float()) for table in tables)
    return "\n\n".join(_markdown(table, escape) for table in tables)


def listing(table: Table, room: int | None, *, whole: str = "") -> str:
    """Return a table for a terminal, of text without a frame and minor columns that have no room.

    ``whole``: a sentence about what shows them.
    """
    return _terminal(table, escaping.listing, PLAIN, room, whole)


def _wholly(table: Table, others: str | None) -> str | None:
    return f"{others} {command('-t', table.key)} shows all." if others else others


def _terminal(table: Table, escape: Escape, frame: Frame, room: int | None, whole: str | None) -> str:
    """Return a table for a terminal; ``whole``: what shows the columns that have no room; None: they are shown."""
    parts, left_out = fit(_cells(table, escape), frame, room, hide=whole is not None)
    without = f"Not shown in {room} columns: {', '.join(left_out).rstrip('.')}. {whole}".rstrip() if left_out else ""
    drawn = [draw(part, frame) for part in parts]
    title, note = (wrapped(escape(text), room) for text in (table.title, table.note))
    return "\n".join(filter(None, [title, *drawn, note, wrapped(without, room)]))


def _markdown(table: Table, escape: Escape) -> str:
    return "\n\n".join(
        filter(
            None,
            [
                table.title and f"**{escape(table.title)}**",
                _tabulated(_cells(table, escape), "github"),
                escape(table.note),
            ],
        )
    )


def _latex(table: Table, escape: Escape, around: Float) -> str:
    # On raw text: tabulate's own booktabs format would escape a second time.
    return in_float(table, _tabulated(_cells(table, escape), "latex_raw"), escape, around)


def _csv(table: Table, escape: Escape, *, titled: bool, raw: bool) -> str:
    lines = records(table)
    columns = list(lines[0]) if lines else [column.key for column in table.columns]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        # The module quotes a line feed, and lets a carriage return end the line.
        plain = {key: ", ".join(value) if isinstance(value, list) else value for key, value in line.items()}
        writer.writerow(
            {
                key: escape("\n".join(value.splitlines())) if isinstance(value, str) else value
                for key, value in plain.items()
            }
        )
    title = f"{table.key}: {table.title}"
    return f"# {title if raw else escaping.heading(title)}\n{text.getvalue()}" if titled else text.getvalue()


def _cells(table: Table, escape: Escape) -> Cells:
    columns = table.telling
    named = [index for index, column in enumerate(columns) if column.names]
    texts = [index for index, column in enumerate(columns) if column.kind is Kind.text]
    minor = sorted((-column.minor, index) for index, column in enumerate(columns) if column.minor)
    return Cells(
        [escape(column.heading) for column in columns],
        [[escape(shown(line.get(column.key), column.kind)) for column in columns] for line in table.lines],
        [column.kind is not Kind.text for column in columns],
        tuple(index for _, index in minor),
        frozenset(index for index, column in enumerate(columns) if column.joined),
        tuple(named or texts[:1] or [0]),
    )


def _tabulated(cells: Cells, style: str) -> str:
    import tabulate

    padding, tabulate.MIN_PADDING = tabulate.MIN_PADDING, 0  # a heading needs no more room than its words
    try:
        return tabulate.tabulate(
            cells.lines,
            headers=cells.headings,
            tablefmt=style,
            colalign=["right" if right else "left" for right in cells.right] if cells.lines else None,
            disable_numparse=True,
        )
    finally:  # the module is the caller's too
        tabulate.MIN_PADDING = padding
