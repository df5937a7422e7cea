"""What a notebook shows of an object: tables as HTML, made as the other formats are."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from harness.errors import escaped
from harness.metrics.statistic import Kind
from harness.results.tables.values import shown

if TYPE_CHECKING:
    from harness.results.tables import Table


def table_html(table: Table) -> str:
    """Return a table as HTML, its title above and its note below; every text is escaped."""
    heads = "".join(f"<th>{_text(column.heading)}</th>" for column in table.columns)
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align: {"left" if column.kind is Kind.text else "right"}">'
            f"{_text(shown(line.get(column.key), column.kind))}</td>"
            for column in table.columns
        )
        + "</tr>"
        for line in table.lines
    )
    note = f"<p><small>{_text(table.note)}</small></p>" if table.note else ""
    caption = f'<caption style="text-align: left">{_text(table.title)}</caption>'
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>{note}"


def paragraph_html(lines: Sequence[str]) -> str:
    """Return lines of text as a paragraph."""
    return f"<p>{'<br>'.join(map(_text, lines))}</p>"


def _text(text: str) -> str:
    return escape(escaped(text))
