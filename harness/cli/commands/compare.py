"""``harness compare``: two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_run
from harness.cli.ending import gate_code
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
from harness.text import megabytes

if TYPE_CHECKING:
    from harness.results.compare import Comparison
    from harness.results.results import Results


def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="The baseline run.", autocompletion=complete_run)],
    second: Annotated[
        Path, typer.Argument(metavar="RUN_B", help="The run to compare with it.", autocompletion=complete_run)
    ],
    *,
    format: FormatOption = Format.terminal,  # noqa: A002 - the option's name
    chosen: TableOption = None,
    columns: ColumnsOption = None,
    rows: RowsOption = None,
    caption: CaptionOption = None,
    label: LabelOption = None,
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
        bool,
        typer.Option("--require-verdict", help="With --fail-on: no verdict is code 3, not 4."),
    ] = False,
) -> None:
    """Compare two runs of the same data.

    Reports which metrics differ beyond noise, and which settings and environments changed. Trials are matched by
    experiment and seed. Runs of several datasets are compared dataset by dataset. A terminal shows the overview and the
    changes; -t and the other formats have every metric.
    """
    from harness.errors import HarnessError
    from harness.results.compare import compare as compared
    from harness.results.compare import limit, tables, undecided, violations
    from harness.results.compare.tables import BRIEF, spoken
    from harness.results.datasets import of_dataset

    if require_verdict and not fail_on:
        msg = "--require-verdict: has no effect without --fail-on"
        raise HarnessError(msg)
    choice = Choice(chosen, columns, rows, raw, caption, label)
    limits = [limit(text) for text in fail_on or ()]
    shown, lines, broken, unclear = [], [], [], []
    pages: dict[Path, Comparison] = {}
    by_label: dict[str, Comparison] = {}
    pairs, missing = _pairs(first, second)
    for member, one, other in pairs:
        before = f"{member}: " if member else ""
        comparison = by_label[member] = compared(one, other)
        shown += [of_dataset(member, table) if member else table for table in tables(comparison)]
        if html:
            page = html.with_name(f"{html.stem}-{one.directory.name}{html.suffix}") if member else html
            pages[page] = comparison
        lines.append(before + spoken(comparison))
        broken += [before + text for text in violations(comparison, limits)]
        unclear += [before + text for text in undecided(comparison, limits)]
    broken += [reason for reason in missing if limits]
    brief = [table.key for table in shown if table.key.rpartition("/")[2] in BRIEF]
    if format is Format.json:
        from harness.cli.documents.document import emit
        from harness.cli.documents.judging import CompareDocument, table_documents

        kept = choice.of(shown, format, of="this comparison")
        emit(CompareDocument.of(by_label, missing, limits, table_documents(kept)))
    else:
        show(shown, format, choice, of="this comparison", brief=brief)
    for page, comparison in pages.items():
        from harness.report import render_comparison, write_page

        size = write_page(page, render_comparison(comparison), option="--html")
        typer.echo(f"{page} ({megabytes(size)})", err=True)
    for line in [*missing, *lines]:
        say_sentences(line)
    if format is Format.terminal and not chosen:
        say("every metric: -t all", err=True)
    for text in [*broken, *(f"cannot tell: {text}" for text in unclear)]:
        typer.echo(f"--fail-on {text}", err=True)
    if code := gate_code(failed=bool(broken), undecided=bool(unclear), require_verdict=require_verdict):
        raise typer.Exit(code)


def _pairs(first: Path, second: Path) -> tuple[list[tuple[str, Results, Results]], list[str]]:
    """Return the two runs' results; of several datasets, of each that both have, and what one of them lacks.

    Raises:
        HarnessError: one is a run of one dataset and the other is not, or no dataset has a run in both.
    """
    from harness.errors import HarnessError
    from harness.results.datasets import SeveralResults
    from harness.results.results import Results
    from harness.store import Run, read_several

    known = [read_several(run) for run in (first, second)]
    if known[0] is None or known[1] is None:
        return [("", Results.of(Run.open(first)), Results.of(Run.open(second)))], []
    sides = SeveralResults.of(first, known[0]), SeveralResults.of(second, known[1])
    labels = list(dict.fromkeys([*sides[0].labels, *sides[1].labels]))
    both = [label for label in labels if all(label in side.results for side in sides)]
    missing = [
        f"{label}: not compared, as {side.directory} has no run of it: {side.missing.get(label, 'no such dataset')}"
        for label in labels
        for side in sides
        if label not in side.results
    ]
    if not both:
        msg = f"{second}: has a run of no dataset that {first} has one of. {'; '.join(missing)}"
        raise HarnessError(msg)
    return [(label, sides[0].results[label], sides[1].results[label]) for label in both], missing
