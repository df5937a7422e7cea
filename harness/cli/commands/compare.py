"""``harness compare``: two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.ending import gate_code
from harness.cli.tables import Format, FormatOption, RawOption, TableOption, show


def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="The baseline run.", autocompletion=complete_run)],
    second: Annotated[
        Path, typer.Argument(metavar="RUN_B", help="The run to compare with it.", autocompletion=complete_run)
    ],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    chosen: TableOption = None,
    raw: RawOption = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help='Also write an HTML page. Needs the extra "report".')
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="METRIC:±NUMBER",
            help="Exit with code 3 if a mean fell (-) or rose (+) by more than this, or RUN_B lacks it: "
            "test_accuracy:-0.5. Code 4 if times have no verdict. Repeatable.",
        ),
    ] = None,
    require_verdict: Annotated[
        bool, typer.Option("--require-verdict", help="With --fail-on: code 3 instead of 4.")
    ] = False,
) -> None:
    """Compare two runs of the same data.

    Reports which metrics differ beyond noise, and which settings and environments changed. Trials are matched by
    experiment and seed. A terminal shows the overview and the changes; -t and the other formats have every metric.
    """
    from harness.errors import HarnessError
    from harness.results.compare import compare as compared
    from harness.results.compare import limit, tables, undecided, violations
    from harness.results.compare.tables import BRIEF, spoken
    from harness.results.results import Results
    from harness.store import Run

    if require_verdict and not fail_on:
        msg = "--require-verdict: has no effect without --fail-on"
        raise HarnessError(msg)
    limits = [limit(text) for text in fail_on or ()]
    comparison = compared(Results.of(Run.open(first)), Results.of(Run.open(second)))
    show(tables(comparison), format, chosen, of="this comparison", brief=BRIEF, raw=raw)
    if html:
        from harness.report import render_comparison, write_page

        size = write_page(html, render_comparison(comparison), option="--html")
        typer.echo(f"{html} ({size / 1e6:.1f} MB)", err=True)
    every = " '-t all' shows every metric." if format is Format.terminal and not chosen else ""
    typer.echo(spoken(comparison) + every, err=True)
    broken, unclear = violations(comparison, limits), undecided(comparison, limits)
    for text in [*broken, *(f"cannot tell: {text}" for text in unclear)]:
        typer.echo(f"--fail-on {text}", err=True)
    if code := gate_code(failed=bool(broken), undecided=bool(unclear), require_verdict=require_verdict):
        raise typer.Exit(code)
