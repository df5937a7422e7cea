"""``harness verify``: a run's expectations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.printing import say, say_sentences
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
    from harness.results.results import Results


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run)],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    chosen: TableOption = None,
    columns: ColumnsOption = None,
    rows: RowsOption = None,
    caption: CaptionOption = None,
    label: LabelOption = None,
    raw: RawOption = False,
    missed: Annotated[bool, typer.Option("--missed", help="Show only the expectations that are missed.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 3 also if a relation is undecided.")] = False,
) -> None:
    """Verify a run's expectations.

    Shows what the suite expects, what the run has, and the verdict. A value that is expected on other data than the
    run's cannot be compared; a terminal shows it only with -t all. Relations are verified on any data. A relation is
    undecided if there are too few seeds and images to decide it. Exit code 3: an expectation is missed, or cannot be
    judged because a trial failed or is not done yet. Of runs of several datasets, each is verified by itself.
    """
    from harness.results.datasets import SeveralResults, of_dataset
    from harness.results.results import Results
    from harness.results.verify.evidence import named
    from harness.results.verify.verdicts import applicable, only_missed, tables
    from harness.results.verify.verification import verify as judge
    from harness.results.verify.wording import spoken
    from harness.store import Run, read_several
    from harness.text import command

    choice = Choice(chosen, columns, rows, raw, caption, label)
    several = read_several(run)
    of_several = SeveralResults.of(run, several) if several else None
    each = of_several.results if of_several else {"": Results.of(Run.open(run))}
    shown, lines, unmet = [], [], False
    verified: list[tuple[str, Results, list[str]]] = []
    for member, results in each.items():
        before = f"{member}: " if member else ""
        verification = judge(results)
        if not verification.figures and not verification.claims:
            again = f"'{command('harness', 'run', *results.rerun)}' takes one up, and trains nothing again"
            lines.append(f"{before}{results.title}: nothing to verify: the run's suite has no [[expect]]. {again}")
            verified.append((member, results, []))
            continue
        found = tables(only_missed(verification) if missed else verification, results.title, results.data)
        shown += [of_dataset(member, one) if member else one for one in found]
        lacking = named(verification.missing)
        verified.append((member, results, lacking))
        lines += [f"{before}missing: {line}" for line in lacking]
        lines.append(before + spoken(verification))
        unmet |= bool(verification.missed or verification.unfinished or (strict and verification.undecided))
    for member, reason in of_several.missing.items() if of_several else ():
        lines.append(f"{member}: cannot be verified: {reason}")
        unmet = True
    if format is Format.json:
        from harness.cli.documents.document import emit
        from harness.cli.documents.judging import VerifyDocument, table_documents

        kept = table_documents(choice.of(shown, format, of="this verification") if shown else [])
        reasons = of_several.missing if of_several else {}
        emit(VerifyDocument.of(verified, reasons, kept, met=not unmet, missed=missed))
    elif shown:
        brief = applicable(shown)
        show(shown, format, choice, of="this verification", brief=brief)
        if format is Format.terminal and not chosen and 0 < len(brief) < len(shown):
            say("the figures that do not apply: -t all", err=True)
    for line in lines:
        say_sentences(line)
    if unmet:
        raise typer.Exit(3)
