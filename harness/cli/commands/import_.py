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

    Every checksum is verified; an archive with any other file than a run's is refused. Nothing is overwritten.
    """
    from harness.store import Run
    from harness.store.archives import import_run
    from harness.text import counted

    directory = import_run(file, out)
    rows = list(Run.open(directory).rows(derive=False))
    done = sum(row.status == "done" for row in rows)
    say(f"{directory}: {done} of {counted(len(rows), 'trial')} done")
