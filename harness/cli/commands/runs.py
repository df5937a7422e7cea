"""``harness runs``: the runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.tables import Format, FormatOption, show_list
from harness.text import megabytes, natural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.tables import Table
    from harness.store import Listed


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that holds runs.")] = Path("runs"),
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
) -> None:
    """List the runs in a folder.

    Shows the suite, state, age and size of each. Of several datasets, each has a run; their directory is named below.
    """
    from harness.api.running import checked_folder
    from harness.api.running import runs as frame_of
    from harness.errors import as_typed
    from harness.store import listed

    if format is Format.json:
        from harness.cli.documents.document import emit, lines
        from harness.cli.documents.installed import RunsDocument

        emit(RunsDocument(folder=str(folder), runs=lines(frame_of(folder))))
        return
    entries = sorted(listed(checked_folder(folder)), key=lambda run: natural(str(run.directory)))
    if entries or format is not Format.terminal:
        show_list([run_list(entries)], format, of="this folder")
    if not entries:
        typer.echo(f"{as_typed(folder)}: no runs", err=format is not Format.terminal)


def run_list(entries: Sequence[Listed]) -> Table:
    """Return the table of runs; how far each is has room before all else beside its name."""
    from datetime import UTC, datetime
    from time import time

    from harness.results.tables import Column, Table, Worded
    from harness.text import spoken

    now = time()
    columns = [
        Column("directory", "run"),
        Column("suite", "suite", minor=2),
        Column("state", "state"),
        Column("changed", "last changed", minor=1),
        Column("bytes", "size", minor=3),
    ]
    lines = [
        {
            "directory": str(run.directory),
            "suite": run.suite,
            "state": run.state,
            "changed": Worded(
                datetime.fromtimestamp(run.changed, UTC).isoformat(), f"{spoken(max(0.0, now - run.changed))} ago"
            ),
            "bytes": Worded(run.size, megabytes(run.size)),
        }
        for run in entries
    ]
    return Table("runs", "", columns, lines, note=_together(entries))


def _together(entries: Sequence[Listed]) -> str:
    """Return which directories hold runs of several datasets."""
    from harness.errors import as_typed
    from harness.store.header import SEVERAL
    from harness.text import some

    above = dict.fromkeys(run.directory.parent for run in entries)
    roots = [as_typed(directory) for directory in above if (directory / SEVERAL).exists()]
    return (
        f"Runs of several datasets, which 'harness export' and most commands take as one: {some(roots)}"
        if roots
        else ""
    )
