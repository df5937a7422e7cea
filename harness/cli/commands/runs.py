"""``harness runs``: the runs in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.tables import table
from harness.text import megabytes, natural


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the runs are.")] = Path("runs"),
) -> None:
    """List the runs in a folder: state, age, size."""
    from time import time

    from harness.errors import HarnessError, as_typed
    from harness.machine.paths import is_folder
    from harness.store import listed
    from harness.text import spoken

    if not is_folder(folder):
        msg = f"{as_typed(folder)}: there is no such folder. 'harness run SUITE' makes runs/"
        raise HarnessError(msg)
    lines = [
        [str(one.directory), one.suite, one.state, f"{spoken(max(0.0, time() - one.changed))} ago", megabytes(one.size)]
        for one in sorted(listed(folder), key=lambda one: natural(str(one.directory)))
    ]
    if lines:
        table("", lines, ["run", "suite", "state", "last changed", "size"])
    else:
        typer.echo(f"{as_typed(folder)}: no runs")
