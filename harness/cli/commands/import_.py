"""``harness import``: a run from an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.printing import say


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that 'harness export' wrote.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The new run directory. Default: in runs/.")
    ] = None,
) -> None:
    """Unpack a run that was exported.

    Verifies every checksum, refuses an archive that contains anything but a run, or one of each of several datasets,
    and overwrites nothing.
    """
    from harness.store import read_several, runs_of
    from harness.store.archives import import_run
    from harness.text import counted

    directory = import_run(file, out)
    several = read_several(directory)
    runs = runs_of(directory, several)
    rows = [row for run in runs.values() for row in run.rows(derive=False)]
    done = sum(row.status == "done" for row in rows)
    on = f" on {counted(len(runs), 'dataset')}" if several else ""
    say(f"{directory}: {done} of {counted(len(rows), 'trial')} done{on}")
