"""``harness verify``: a run's expectations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.printing import say
from harness.cli.tables import Format, FormatOption, RawOption, TableOption, show


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    chosen: TableOption = None,
    raw: RawOption = False,
    missed: Annotated[bool, typer.Option("--missed", help="Only the expectations that are missed.")] = False,
) -> None:
    """Check a run against its suite's expectations: what each is, what the run has, and the verdict.

    Figures of other data than the run's are not comparable; relations are judged on any. Exit code 3: one is missed, or
    the run lacks what it needs, a trial that failed or is not done yet.
    """
    from harness.results.results import Results
    from harness.results.verify.evidence import named
    from harness.results.verify.verdicts import only_missed, tables
    from harness.results.verify.verification import spoken
    from harness.results.verify.verification import verify as judge
    from harness.store import Run

    results = Results.of(Run.open(run))
    found = judge(results)
    if not found.figures and not found.claims:
        say(f"{results.title}: its suite expects nothing: it has no [[expect]]", err=True)
        _nothing(format)
        return
    shown = tables(only_missed(found) if missed else found, results.title, results.data)
    if shown:
        show(shown, format, chosen, of="this verification", raw=raw)
    else:
        _nothing(format)
    for line in named(found.missing):
        say(f"missing: {line}", err=True)
    say(spoken(found), err=True)
    if found.missed or found.undecided:
        raise typer.Exit(3)


def _nothing(form: Format) -> None:
    """Print what a program reads where there is no table: an empty document, which JSON has and the others need not."""
    if form is Format.json:
        typer.echo("{}")
