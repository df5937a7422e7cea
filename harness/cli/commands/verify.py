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
    missed: Annotated[bool, typer.Option("--missed", help="Show only the expectations that are missed.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 3 if a relation is undecided, too.")] = False,
) -> None:
    """Verify a run's expectations.

    Shows what the suite expects, what the run has, and the verdict. Values expected on other data than the run's are
    not comparable; relations are verified on any data, and undecided where seeds and images do not tell. Exit code 3:
    an expectation is missed, or cannot be judged because a trial failed or is not done yet.
    """
    from harness.results.results import Results
    from harness.results.verify.evidence import named
    from harness.results.verify.verdicts import only_missed, tables
    from harness.results.verify.verification import spoken
    from harness.results.verify.verification import verify as judge
    from harness.store import Run

    results = Results.of(Run.open(run))
    verification = judge(results)
    if not verification.figures and not verification.claims:
        say(f"{results.title}: nothing to verify, because the suite has no [[expect]]", err=True)
        _nothing(format)
        return
    shown = tables(only_missed(verification) if missed else verification, results.title, results.data)
    if shown:
        show(shown, format, chosen, of="this verification", raw=raw)
    else:
        _nothing(format)
    for line in named(verification.missing):
        say(f"missing: {line}", err=True)
    say(spoken(verification), err=True)
    if verification.missed or verification.unfinished or (strict and verification.undecided):
        raise typer.Exit(3)


def _nothing(form: Format) -> None:
    """Print an empty document, which JSON needs where there is no table."""
    if form is Format.json:
        typer.echo("{}")
