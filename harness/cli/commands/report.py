"""``harness report``: a run as a page to look at."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli.completion import complete_run
from harness.text import megabytes

if TYPE_CHECKING:
    from harness.store import Several


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
        Path | None, typer.Option("--figures", metavar="DIR", help="Also write each figure as a file into this folder.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Picture | None, typer.Option("--format", "-f", help="The format of the figures. Default: png.")
    ] = None,
) -> None:
    """Write a run as one HTML page.

    The page has leaderboards, curves, confusion matrices, robustness, calibration, speed and settings. It is one file
    and works offline. Runs of several datasets get one page for all of them, and one for each. Writing needs the extra
    "report".
    """
    from harness.errors import HarnessError
    from harness.report import draw, read, render, write_page
    from harness.store import read_several

    if format and not figures:
        msg = f"--format {format.value}: has no effect without --figures"
        raise HarnessError(msg)
    picture: Literal["png", "svg", "pdf"] = (format or Picture.png).value
    path = out or run / "report.html"
    if several := read_several(run):
        _of_several(run, several, path, figures, picture)
        return
    material = read(run)
    _written(path, write_page(path, render(material)))
    if figures:
        drawn = draw(material, figures, picture)
        typer.echo(f"{len(drawn)} figures in {figures}")
    for problem in material.problems:
        typer.echo(f"left out: {problem}", err=True)


def _of_several(
    run: Path, several: Several, path: Path, figures: Path | None, picture: Literal["png", "svg", "pdf"]
) -> None:
    """Write the page of all datasets, and beside it that of each, which is read alone: it may be large."""
    from urllib.parse import quote

    from harness.errors import HarnessError
    from harness.report import datasets_figures, draw, drawn, read, render, render_datasets, write_page
    from harness.report.needs import needed
    from harness.results.datasets import SeveralResults

    needed("jinja2", "altair", "vl_convert", "PIL")
    results = SeveralResults.of(run, several)
    links, count, problems = {}, 0, []
    for label in results.results:
        folder = results.folders[label].name
        page = path.with_name(f"{path.stem}-{folder}{path.suffix}")
        try:
            material = read(results.folders[label])
        except HarnessError as error:
            problems.append(f"{label}: {error}")
            continue
        _written(page, write_page(page, render(material)))
        links[label] = quote(page.name)
        problems += [f"{label}: {problem}" for problem in material.problems]
        if figures:
            count += len(draw(material, figures / folder, picture))
    _written(path, write_page(path, render_datasets(results, links)))
    if figures:
        count += len(drawn(datasets_figures(results), figures, picture))
        typer.echo(f"{count} figures in {figures}")
    for problem in [*(f"{label}: {reason}" for label, reason in results.missing.items()), *problems]:
        typer.echo(f"left out: {problem}", err=True)


def _written(path: Path, size: int) -> None:
    typer.echo(f"{path} ({megabytes(size)})")
