"""``harness runs``: the runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.tables import table
from harness.text import megabytes, natural


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that holds runs.")] = Path("runs"),
) -> None:
    """List the runs in a folder.

    Shows the suite, state, age and size of each.
    """
    from time import time

    from harness.api.running import checked_folder
    from harness.errors import as_typed
    from harness.store import listed
    from harness.text import spoken

    lines = [
        [str(run.directory), run.suite, run.state, f"{spoken(max(0.0, time() - run.changed))} ago", megabytes(run.size)]
        for run in sorted(listed(checked_folder(folder)), key=lambda run: natural(str(run.directory)))
    ]
    if lines:
        table("", lines, ["run", "suite", "state", "last changed", "size"])
    else:
        typer.echo(f"{as_typed(folder)}: no runs")
