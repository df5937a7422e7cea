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

    The site has an index, the page of each run, the results of all runs side by side, and metrics over time, by day and
    commit. The same command updates it. It is only files, for any web server. Writing needs the extra "report".
    """
    from harness.publish import publish as write

    write(runs, to, say=typer.echo)
