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


class Form(StrEnum):
    """What a command prints that has more than tables: text, or one document."""

    terminal = "terminal"
    json = "json"


FormOption = Annotated[Form, typer.Option("--format", "-f", help="terminal, or json: one document.")]
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
    from harness.results.tables import by_key, render_all

    shown = chosen_of(tables, form, chosen, of=of, brief=brief, raw=raw)
    if form is Format.json:
        from harness.cli.documents.document import SCHEMA_VERSION, emit

        emit({"schema_version": SCHEMA_VERSION, **by_key(shown)})
        return
    typer.echo(render_all(shown, form.value, room=room(), raw=raw))
    keys = [table.key for table in shown]
    others = [table.key for table in tables if table.key not in keys]
    if not chosen and form is Format.csv and others:
        note = (
            f"CSV holds one table, here {shown[0].key}. -t NAME gives another: {', '.join(others)}. -t {ALL} gives all"
        )
        typer.echo(note, err=True)


def chosen_of(
    tables: Sequence[Table],
    form: Format,
    chosen: Sequence[str] | None,
    *,
    of: str,
    brief: Sequence[str] = (),
    raw: bool = False,
) -> list[Table]:
    """Return the tables that `show` prints.

    Raises:
        HarnessError: no table has a chosen key, or the format is never raw.
    """
    from harness.errors import HarnessError, as_typed, nearest

    if raw and form in _NEVER_RAW:
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
    return [table for table in tables if table.key in wanted]


def table(title: str, lines: list[list[Any]], headers: list[str], minor: Sequence[str] = ()) -> None:
    """Print a table of text; a narrow terminal leaves out the ``minor`` columns, beginning with the first.

    A cell is one line. Characters that a terminal would obey are escaped: groups, titles and reasons are foreign text.
    """
    from harness.results.tables import Table
    from harness.results.tables.formats import listing

    text = [[str(cell) for cell in line] for line in lines]
    typer.echo(listing(Table.of_text("", title, headers, text, minor=minor), room()) + "\n")
