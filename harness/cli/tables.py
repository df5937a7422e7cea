"""How commands write tables: the formats, which of several, and what a terminal has room for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from harness.results.leaderboard import Table

ALL = "all"


class Format(StrEnum):
    """How tables are written."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    json = "json"


_NEVER_RAW = {
    Format.terminal: "a terminal would obey them",
    Format.json: "JSON has texts as they are",
}
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write the tables. csv: one of them.")]
TableOption = Annotated[
    list[str] | None, typer.Option("--table", "-t", help="Only this table; 'all' for every one. Repeatable.")
]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw", help="Do not escape texts: Markdown, LaTeX and formulas in names are then taken for what they are."
    ),
]


def room() -> int | None:
    """Return how many columns the terminal has, None where standard output is none: then nothing is shortened."""
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout.isatty() else None


def show(
    found: Sequence[Table],
    form: Format,
    chosen: Sequence[str] | None,
    *,
    of: str,
    brief: Sequence[str] = (),
    raw: bool = False,
) -> None:
    """Print tables: those that are chosen by their keys, or all of them.

    Without a choice a terminal shows the ``brief`` ones, if there are any, and CSV, which holds one, has the first of
    the others. ``of``: what the tables are of, for the message of a wrong key. ``raw``: texts are not escaped.

    Raises:
        HarnessError: a key is none of theirs, or the format has nothing to escape.
    """
    from harness.errors import HarnessError, as_typed, nearest
    from harness.results.leaderboard import render_all

    if raw and form in {Format.terminal, Format.json}:
        msg = f"--raw: does not go with -f {form.value}: {_NEVER_RAW[form]}"
        raise HarnessError(msg)
    known = [one.key for one in found]
    for key in chosen or ():
        if key not in {*known, ALL}:
            msg = f"--table {as_typed(key, 80)}: {of} has no such table. {nearest(key, known)}"
            raise HarnessError(msg)
    wanted = known if not chosen or ALL in chosen else chosen
    if not chosen and form is Format.csv:
        wanted = next(([key] for key in known if key not in brief), known[:1])
    elif not chosen and form is Format.terminal and brief:
        wanted = brief
    typer.echo(render_all([one for one in found if one.key in wanted], form.value, room=room(), raw=raw))
    others = [key for key in known if key not in wanted]
    if not chosen and form is Format.csv and others:
        told = f"CSV holds one table, here {wanted[0]}. -t NAME gives another: {', '.join(others)}. -t {ALL} gives all"
        typer.echo(told, err=True)


def table(title: str, lines: list[list[Any]], headers: list[str], minor: Sequence[str] = ()) -> None:
    """Print a table of text; where a terminal lacks room, the ``minor`` columns are left out, the first first.

    A cell is one line, and what a terminal would obey is escaped: groups, titles and reasons are foreign text.
    """
    from tabulate import tabulate

    from harness.errors import escaped
    from harness.results.leaderboard.fitting import Cells, Frame, fit

    text = [[escaped(str(cell)).replace("\n", "\\n") for cell in line] for line in lines]
    cells = Cells(headers, text, [False] * len(headers), tuple(headers.index(name) for name in minor))
    width = room()
    parts, left_out = fit(cells, Frame(column=2, whole=-2), width)
    without = [f"Not shown in {width} columns: {', '.join(left_out)}."] if left_out else []
    grids = [tabulate(one.lines, headers=one.headings, tablefmt="simple", disable_numparse=True) for one in parts]
    typer.echo("\n".join([*([title] if title else []), *grids, *without]) + "\n")
