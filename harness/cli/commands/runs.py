"""``harness runs``: the runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.tables import Form, FormOption, table
from harness.text import megabytes, natural


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that holds runs.")] = Path("runs"),
    *,
    format: FormOption = Form.terminal,  # noqa: A002 - the option's name
) -> None:
    """List the runs in a folder.

    Shows the suite, state, age and size of each.
    """
    from time import time

    from harness.api.running import checked_folder
    from harness.api.running import runs as frame_of
    from harness.errors import as_typed
    from harness.store import listed
    from harness.text import spoken

    if format is Form.json:
        from harness.cli.documents.document import emit, lines
        from harness.cli.documents.installed import RunsDocument

        emit(RunsDocument(folder=str(folder), runs=lines(frame_of(folder))))
        return
    cells = [
        [str(run.directory), run.suite, run.state, f"{spoken(max(0.0, time() - run.changed))} ago", megabytes(run.size)]
        for run in sorted(listed(checked_folder(folder)), key=lambda run: natural(str(run.directory)))
    ]
    if cells:
        table("", cells, ["run", "suite", "state", "last changed", "size"])
    else:
        typer.echo(f"{as_typed(folder)}: no runs")
