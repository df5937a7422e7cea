"""``harness leaderboard``: the tables of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.tables import (
    CaptionOption,
    Choice,
    ColumnsOption,
    Format,
    FormatOption,
    LabelOption,
    RawOption,
    RowsOption,
    TableOption,
    show,
)

if TYPE_CHECKING:
    from harness.results.datasets import SeveralResults
    from harness.results.tables import Table


def leaderboard(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    tables: TableOption = None,
    per_class: Annotated[
        str | None,
        typer.Option(
            "--per-class",
            metavar="EXPERIMENT",
            help="Show precision, recall, F1 and support of each class of this experiment, and no other table.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="METRIC", help="Order the overview by this metric. Default: the suite's leaderboard.by."
        ),
    ] = None,
    columns: ColumnsOption = None,
    rows: RowsOption = None,
    caption: CaptionOption = None,
    label: LabelOption = None,
    raw: RawOption = False,
) -> None:
    """Show a run's leaderboards and other tables.

    For runs of several datasets, shows the tables over all datasets and the overview of each. -t NAME shows the others.
    """
    from harness.errors import HarnessError
    from harness.results.datasets import SeveralResults, in_brief
    from harness.results.datasets import tables as tables_over
    from harness.results.leaderboard import differences, summaries
    from harness.results.leaderboard import tables as all_tables
    from harness.results.leaderboard.per_class import of_run
    from harness.results.leaderboard.rankings import ordered_by
    from harness.results.results import Results
    from harness.store import Run, read_several

    if per_class is not None and tables:
        msg = "--per-class: does not go with --table: it shows its one table instead of the others"
        raise HarnessError(msg)
    choice = Choice(tables, columns, rows, raw, caption, label)
    detailed = bool(tables) or format is Format.json
    if several := read_several(run):
        results = SeveralResults.of(run, several, by)
        if per_class is None:
            shown_tables = tables_over(results, detailed=detailed)
            keys = [table.key for table in shown_tables if in_brief(table.key)] if format is Format.terminal else []
            show(shown_tables, format, choice, of="these runs", brief=keys)
            return
        show(_per_class(results, per_class), format, choice, of="these runs")
        return
    opened = Run.open(run)
    of_one = ordered_by(Results.of(opened), by)
    shown_tables = all_tables(of_one) if per_class is None else [of_run(opened, of_one, per_class)]
    if per_class is None and detailed:  # they have a line for each pair of experiments
        shown_tables += differences(of_one)
    brief = summaries(of_one, shown_tables) if format is Format.terminal and per_class is None else ()
    show(shown_tables, format, choice, of="this run", brief=brief)


def _per_class(several: SeveralResults, name: str) -> list[Table]:
    """Return an experiment's table of classes on each dataset where it is tested.

    Raises:
        HarnessError: it is tested on none.
    """
    from harness.errors import HarnessError
    from harness.results.datasets import of_dataset
    from harness.results.leaderboard.per_class import of_run

    made, errors = [], []
    for label, results in several.results.items():
        try:
            if results.run:
                made.append(of_dataset(label, of_run(results.run, results, name)))
        except HarnessError as error:
            errors.append(error)
    if not made:
        raise errors[0] if errors else HarnessError(f"{several.directory}: no dataset has a run yet")
    return made
