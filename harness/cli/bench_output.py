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
    """Print what was measured, and on stderr what was not."""
    if form is BenchFormat.json:
        _show_json(measured, compared, suite)
    else:
        from harness.bench.tables import notes, overhead_table, shown

        tables = shown(measured.measurements, caching=measured.caching_seconds) if measured.measurements else []
        tables += [_comparison_table(compared)] if compared else []
        tables += [overhead_table(suite)] if suite else []
        for one in tables:
            typer.echo(_text(one, form) + "\n")
        if measured.measurements:
            typer.echo("\n".join(notes(measured.measurements)))
    say_missing(measured.unavailable)
    say_missing(measured.failed, "failed: ")


def say_missing(reasons: Mapping[Case, str], what: str = "") -> None:
    """Say what was not measured and why: once for each backend where the reason is the same."""
    told: dict[tuple[str, str], list[Case]] = {}
    for case, reason in reasons.items():
        told.setdefault((case.backend, reason), []).append(case)
    for (backend, reason), cases in told.items():
        networks = ", ".join(dict.fromkeys(case.network for case in cases if case.network))
        typer.echo(f"{backend}{f' ({networks})' if networks else ''}: {what}{reason}", err=True)


def _text(one: Shown, form: BenchFormat) -> str:
    import tabulate as settings
    from tabulate import tabulate

    settings.MIN_PADDING = 0  # a heading needs no more room than its words

    align = ["left", *["right"] * (len(one.headings) - 1)]
    style = "rounded_outline" if form is BenchFormat.terminal else "github"
    grid = tabulate(one.lines, one.headings, style, colalign=align, disable_numparse=True)
    title = one.title if form is BenchFormat.terminal else f"**{one.title}**\n"
    gap = "\n" if form is BenchFormat.markdown else ""
    return "\n".join(filter(None, [title, grid, one.note and gap + one.note]))


def _comparison_table(compared: Sequence[Comparison]) -> Shown:
    from harness.bench.tables import Shown, mark

    lines = [[one.now.title, f"{mark(one)}{one.ratio:.3f}", _verdict(one), "; ".join(one.changes)] for one in compared]
    return Shown(
        "Against the baseline: samples/s over its samples/s", ["case", "ratio", "verdict", "changed since"], lines
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
                "case": one.one.title,
                "threads": one.one.threads,
                "times_reference": one.times_reference,
                "of_limit": one.of_limit,
                "of_own_library": one.of_own,
            }
            for one in standings(measured.measurements)
        ],
        "unavailable": {case.title: reason for case, reason in measured.unavailable.items()},
        "failed": {case.title: reason for case, reason in measured.failed.items()},
        "comparisons": [
            {
                "case": one.now.title,
                "ratio": one.ratio,
                "margin": one.margin,
                "disturbed": one.disturbed,
                "verdict": one.verdict,
                "changes": one.changes,
            }
            for one in compared
        ],
    }
    if measured.caching_seconds is not None:
        content["caching_seconds"] = measured.caching_seconds
    if suite:
        content["suite"] = asdict(suite) | {"outside": suite.outside, "share": suite.share}
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
