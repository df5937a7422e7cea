"""``harness leaderboard``: the tables of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.tables import Format, FormatOption, RawOption, TableOption, show


def leaderboard(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    tables: TableOption = None,
    per_class: Annotated[
        str | None,
        typer.Option(
            "--per-class", metavar="EXPERIMENT", help="Precision, recall, F1 and support of each class instead."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="METRIC", help=r"Order the overview by it. The suite's \[leaderboard] by otherwise."
        ),
    ] = None,
    raw: RawOption = False,
) -> None:
    """Show a run's leaderboards and other tables."""
    from harness.errors import HarnessError
    from harness.results.leaderboard import differences, summaries
    from harness.results.leaderboard import tables as all_tables
    from harness.results.leaderboard.per_class import of_run
    from harness.results.leaderboard.rankings import ordered_by
    from harness.results.results import Results
    from harness.store import Run

    if per_class is not None and tables:
        msg = "--per-class: does not go with --table: it shows its one table instead of the others"
        raise HarnessError(msg)
    opened = Run.open(run)
    results = ordered_by(Results.of(opened), by)
    found = all_tables(results) if per_class is None else [of_run(opened, results, per_class)]
    if per_class is None and (tables or format is Format.json):  # they have a line for each pair of experiments
        found += differences(results)
    brief = summaries(results, found) if format is Format.terminal and per_class is None else ()
    show(found, format, tables, of="this run", brief=brief, raw=raw)
