"""Prints tables: the format, the choice of tables, and the width of the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from harness.results.tables import Table

ALL = "all"


class Format(StrEnum):
    """The format of tables."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    json = "json"


_NEVER_RAW = {
    Format.terminal: "a terminal would obey raw text",
    Format.json: "JSON is never escaped",
}
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="The format of the tables. csv: only one table.")]
TableOption = Annotated[
    list[str] | None, typer.Option("--table", "-t", metavar="NAME", help="Only this table, or 'all'. Repeatable.")
]
RawOption = Annotated[
    bool,
    typer.Option("--raw", help="Do not escape names and titles: Markdown, LaTeX and formulas in them take effect."),
]


def room() -> int | None:
    """Return the terminal's number of columns, None if standard output is not a terminal: then nothing is shortened."""
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout.isatty() else None


def show(
    tables: Sequence[Table],
    form: Format,
    chosen: Sequence[str] | None,
    *,
    of: str,
    brief: Sequence[str] = (),
    raw: bool = False,
) -> None:
    """Print tables: those with the ``chosen`` keys, or all.

    Without a choice, a terminal shows the ``brief`` ones, if there are any, and CSV shows the first of the others.
    ``of`` says what the tables are of, for the message about an unknown key. ``raw``: texts are not escaped.

    Raises:
        HarnessError: no table has a chosen key, or the format is never raw.
    """
    from harness.errors import HarnessError, as_typed, nearest
    from harness.results.tables import render_all

    if raw and form in {Format.terminal, Format.json}:
        msg = f"--raw: does not go with -f {form.value}: {_NEVER_RAW[form]}"
        raise HarnessError(msg)
    known = [table.key for table in tables]
    for key in chosen or ():
        if key not in {*known, ALL}:
            msg = f"--table {as_typed(key, 80)}: no such table in {of}. {nearest(key, known)}"
            raise HarnessError(msg)
    wanted = known if not chosen or ALL in chosen else chosen
    if not chosen and form is Format.csv:
        wanted = next(([key] for key in known if key not in brief), known[:1])
    elif not chosen and form is Format.terminal and brief:
        wanted = brief
    typer.echo(render_all([table for table in tables if table.key in wanted], form.value, room=room(), raw=raw))
    others = [key for key in known if key not in wanted]
    if not chosen and form is Format.csv and others:
        note = f"CSV holds one table, here {wanted[0]}. -t NAME gives another: {', '.join(others)}. -t {ALL} gives all"
        typer.echo(note, err=True)


def table(title: str, lines: list[list[Any]], headers: list[str], minor: Sequence[str] = ()) -> None:
    """Print a table of text; a narrow terminal leaves out the ``minor`` columns, beginning with the first.

    A cell is one line. Characters that a terminal would obey are escaped: groups, titles and reasons are foreign text.
    """
    from harness.results.tables import Table
    from harness.results.tables.formats import listing

    text = [[str(cell) for cell in line] for line in lines]
    typer.echo(listing(Table.of_text("", title, headers, text, minor=minor), room()) + "\n")
