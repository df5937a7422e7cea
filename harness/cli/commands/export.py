"""``harness export``: a run as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.printing import say


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The archive. Default: RUN.zip.")
    ] = None,
) -> None:
    """Write a run as one archive.

    The archive has a checksum of each file and no path of this machine. 'harness import' unpacks it.
    Tables and pages: see 'harness leaderboard' and 'harness report'.
    """
    from harness.store.archives import export_run
    from harness.text import counted, megabytes

    target = out or Path(f"{run.resolve().name}.zip")
    exported = export_run(run, target)
    say(f"{target}: {counted(exported.files, 'file')}, {megabytes(exported.bytes)}")
