"""Prints tables: the format, the choice of tables, and the width of the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.width import columns_of

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
    """What a command prints that is not a list and has more than tables: text, or one document."""

    terminal = "terminal"
    json = "json"


FormOption = Annotated[Form, typer.Option("--format", "-f", help="terminal for text, or json for one document.")]
_NEVER_RAW = {
    Format.terminal: "a terminal would obey raw text",
    Format.json: "JSON is never escaped",
}
FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="The format of the tables. csv prints only one table.")
]
TableOption = Annotated[
    list[str] | None,
    typer.Option("--table", "-t", metavar="NAME", help="Show only this table; 'all' shows all. Repeatable."),
]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw", help="Do not escape names and titles, so that Markdown, LaTeX and formulas in them take effect."
    ),
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME",
        help="Show only this column, by its heading or its key in JSON. Repeatable: the order is yours.",
    ),
]
RowsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--row",
        metavar="NAME",
        help="Show only the rows with this name, or that match this pattern: 'M1*'. Repeatable.",
    ),
]
CaptionOption = Annotated[
    str | None, typer.Option("--caption", metavar="LATEX", help="The caption of a LaTeX table, instead of its title.")
]
LabelOption = Annotated[
    str | None, typer.Option("--label", metavar="NAME", help="The label of a LaTeX table. Default: tab:TABLE.")
]


def room() -> int | None:
    """Return how many columns tables may take, as `columns_of` says of standard output; None: nothing is shortened."""
    return columns_of(sys.stdout)


@dataclass(frozen=True)
class Choice:
    """What of some tables is printed, and how: a command's options of these names."""

    tables: Sequence[str] | None = None
    columns: Sequence[str] | None = None
    rows: Sequence[str] | None = None
    raw: bool = False
    caption: str | None = None
    label: str | None = None

    def of(self, tables: Sequence[Table], form: Format, *, of: str, brief: Sequence[str] = ()) -> list[Table]:
        """Return what is printed of tables.

        Without a choice, a terminal shows the ``brief`` ones, if there are any, and CSV shows the first of the others.
        ``of`` says what the tables are of, for the message about an unknown key.

        Raises:
            HarnessError: nothing has a chosen name, or an option does not go with the format.
        """
        from harness.errors import HarnessError, as_typed, nearest
        from harness.results.tables import only

        self._check(form)
        known = [table.key for table in tables]
        for key in self.tables or ():
            if key not in {*known, ALL}:
                msg = f"--table {as_typed(key, 80)}: no such table in {of}. {nearest(key, known)}"
                raise HarnessError(msg)
        wanted = known if not self.tables or ALL in self.tables else self.tables
        if not self.tables and form is Format.csv:
            wanted = next(([key] for key in known if key not in brief), known[:1])
        elif not self.tables and form is Format.terminal and brief:
            wanted = brief
        shown = only([table for table in tables if table.key in wanted], self.columns or (), self.rows or ())
        if len(shown) > 1 and {self.caption, self.label} != {None}:
            keys = ", ".join(table.key for table in shown)
            msg = f"--caption and --label: are of one table, and here are {keys}. Add -t NAME"
            raise HarnessError(msg)
        return shown

    def _check(self, form: Format) -> None:
        from harness.errors import HarnessError

        if self.raw and form in _NEVER_RAW:
            msg = f"--raw: does not go with -f {form.value}: {_NEVER_RAW[form]}"
            raise HarnessError(msg)
        for name, value in (("caption", self.caption), ("label", self.label)):
            if value is not None and form is not Format.latex:
                msg = f"--{name}: does not go with -f {form.value}: only LaTeX has one. Add -f latex"
                raise HarnessError(msg)


def show(tables: Sequence[Table], form: Format, choice: Choice, *, of: str, brief: Sequence[str] = ()) -> None:
    """Print what is chosen of tables, as `Choice.of` says.

    Raises:
        HarnessError: as there.
    """
    from harness.results.tables import Float, by_key, render_all

    shown = choice.of(tables, form, of=of, brief=brief)
    if form is Format.json:
        from harness.cli.documents.document import SCHEMA_VERSION, emit

        emit({"schema_version": SCHEMA_VERSION, **by_key(shown)})
        return
    around = Float(choice.caption, choice.label)
    typer.echo(render_all(shown, form.value, room=room(), raw=choice.raw, around=around))
    keys = [table.key for table in shown]
    others = [table.key for table in tables if table.key not in keys]
    if not choice.tables and form is Format.csv and others:
        other = f"-t NAME gives another: {', '.join(others)}. -t {ALL} gives all"
        typer.echo(f"CSV holds one table, here {', '.join(keys)}. {other}", err=True)


def show_list(tables: Sequence[Table], form: Format, chosen: Sequence[str] | None = None, *, of: str) -> None:
    """Print what a command lists: without frames on a terminal, and as `show` does in other formats.

    Not as JSON: each command has its document.

    Raises:
        HarnessError: as `Choice.of`.
    """
    from harness.results.tables.formats import listing

    choice = Choice(chosen)
    if form is not Format.terminal:
        show(tables, form, choice, of=of)
        return
    for listed in choice.of(tables, form, of=of):
        typer.echo(listing(listed, room(), whole="-f json shows all.") + "\n")


def table(
    title: str, lines: list[list[Any]], headers: list[str], minor: Sequence[str] = (), *, whole: str = ""
) -> None:
    """Print a table of text; a narrow terminal leaves out the ``minor`` columns, beginning with the first.

    ``whole``: a sentence about what shows them.
    A cell is one line. Characters that a terminal would obey are escaped: groups, titles and reasons are foreign text.
    """
    from harness.results.tables import Table
    from harness.results.tables.formats import listing

    text = [[str(cell) for cell in line] for line in lines]
    typer.echo(listing(Table.of_text("", title, headers, text, minor=minor), room(), whole=whole) + "\n")
