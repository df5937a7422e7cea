"""``harness publish``: several runs as a static site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run


def publish(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.", autocompletion=complete_run)],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The site's folder.")],
) -> None:
    """Write several runs as a static site.

    It has an index, the page of each run, their results side by side, and metrics over time, by day and commit. The
    same command makes it anew. Any web server shows it. Writing it needs the extra "report".
    """
    from harness.publish import publish as write

    write(runs, to, say=typer.echo)
