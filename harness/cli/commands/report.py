"""``harness report``: a run as a page to look at."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run


class Picture(StrEnum):
    """The format of figures."""

    png = "png"
    svg = "svg"
    pdf = "pdf"


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The page. Default: RUN/report.html.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="DIR", help="Also write each figure into a folder.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Picture | None, typer.Option("--format", "-f", help="The format of the figures. Default: png.")
    ] = None,
) -> None:
    """Write a run as one HTML page.

    The page has leaderboards, curves, confusion matrices, robustness, calibration, speed and settings. It needs no
    network and no other file. Writing it needs the extra "report".
    """
    from harness.errors import HarnessError
    from harness.report import draw, read, render, write_page

    if format and not figures:
        msg = f"--format {format.value}: has no effect without --figures"
        raise HarnessError(msg)
    material = read(run)
    path = out or run / "report.html"
    size = write_page(path, render(material))
    typer.echo(f"{path} ({size / 1e6:.1f} MB)")
    if figures:
        drawn = draw(material, figures, (format or Picture.png).value)
        typer.echo(f"{len(drawn)} figures in {figures}")
    for problem in material.problems:
        typer.echo(f"left out: {problem}", err=True)
