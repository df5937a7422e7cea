"""What `harness bench` shows: tables for a terminal or Markdown, or JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.bench import Case, Comparison, Measured, Overhead
    from harness.bench.tables import Shown


class BenchFormat(StrEnum):
    """How measurements are written."""

    terminal = "terminal"
    markdown = "markdown"
    json = "json"


def show(measured: Measured, compared: Sequence[Comparison], suite: Overhead | None, form: BenchFormat) -> None:
    """Print the measurements, and on standard error what could not be measured."""
    if form is BenchFormat.json:
        _show_json(measured, compared, suite)
    else:
        from harness.bench.tables import notes, overhead_table, shown

        tables = shown(measured.measurements, caching=measured.caching_seconds) if measured.measurements else []
        tables += [_comparison_table(compared)] if compared else []
        tables += [overhead_table(suite)] if suite else []
        for table in tables:
            typer.echo(_text(table, form) + "\n")
        if measured.measurements:
            typer.echo("\n".join(notes(measured.measurements)))
    say_missing(measured.unavailable)
    say_missing(measured.failed, "failed: ")


def say_missing(reasons: Mapping[Case, str], what: str = "") -> None:
    """Print what was not measured and why: one line for each backend and reason."""
    alike: dict[tuple[str, str], list[Case]] = {}
    for case, reason in reasons.items():
        alike.setdefault((case.backend, reason), []).append(case)
    for (backend, reason), cases in alike.items():
        networks = ", ".join(dict.fromkeys(case.network for case in cases if case.network))
        typer.echo(f"{backend}{f' ({networks})' if networks else ''}: {what}{reason}", err=True)


def _text(table: Shown, form: BenchFormat) -> str:
    import tabulate as settings
    from tabulate import tabulate

    settings.MIN_PADDING = 0  # a heading needs no more room than its words

    align = ["left", *["right"] * (len(table.headings) - 1)]
    style = "rounded_outline" if form is BenchFormat.terminal else "github"
    grid = tabulate(table.lines, table.headings, style, colalign=align, disable_numparse=True)
    title = table.title if form is BenchFormat.terminal else f"**{table.title}**\n"
    gap = "\n" if form is BenchFormat.markdown else ""
    return "\n".join(filter(None, [title, grid, table.note and gap + table.note]))


def _comparison_table(compared: Sequence[Comparison]) -> Shown:
    from harness.bench.tables import Shown, mark

    lines = [[row.now.title, f"{mark(row)}{row.ratio:.3f}", _verdict(row), "; ".join(row.changes)] for row in compared]
    return Shown(
        "Compared with the baseline: samples/s over its samples/s", ["case", "ratio", "verdict", "changed since"], lines
    )


def _verdict(comparison: Comparison) -> str:
    if comparison.margin is None or comparison.disturbed:
        return comparison.verdict
    return f"{comparison.verdict} (±{comparison.margin:.1%})"


def _show_json(measured: Measured, compared: Sequence[Comparison], suite: Overhead | None) -> None:
    import json
    from dataclasses import asdict

    from harness.bench import standings
    from harness.bench.measurements import document

    content = document(measured.measurements) | {
        "standings": [
            {
                "case": standing.one.title,
                "threads": standing.one.threads,
                "times_reference": standing.times_reference,
                "of_limit": standing.of_limit,
                "of_own_library": standing.of_own,
            }
            for standing in standings(measured.measurements)
        ],
        "unavailable": {case.title: reason for case, reason in measured.unavailable.items()},
        "failed": {case.title: reason for case, reason in measured.failed.items()},
        "comparisons": [
            {
                "case": row.now.title,
                "ratio": row.ratio,
                "margin": row.margin,
                "disturbed": row.disturbed,
                "verdict": row.verdict,
                "changes": row.changes,
            }
            for row in compared
        ],
    }
    if measured.caching_seconds is not None:
        content["caching_seconds"] = measured.caching_seconds
    if suite:
        content["suite"] = asdict(suite) | {"outside": suite.outside, "share": suite.share}
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
