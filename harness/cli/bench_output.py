"""What `harness bench` shows: tables for people, a line for each case as CSV, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.tables import Format, room

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.bench import Case, Comparison, Measured, Overhead
    from harness.results.tables import Table


def show(measured: Measured, compared: Sequence[Comparison], suite: Overhead | None, form: Format) -> None:
    """Print the measurements, and on standard error what could not be measured."""
    if form is Format.json:
        _show_json(measured, compared, suite)
    elif form is Format.csv:
        from harness.bench.records import cases_table
        from harness.results.tables import render_all

        typer.echo(render_all([cases_table(measured.measurements, compared)], form.value))
    else:
        from harness.bench.tables import notes, overhead_table, shown
        from harness.results.tables import render_all

        tables = shown(measured.measurements, caching=measured.caching_seconds) if measured.measurements else []
        tables += [_comparison_table(compared)] if compared else []
        tables += [overhead_table(suite)] if suite else []
        if tables:
            typer.echo(render_all(tables, form.value, room=room()) + "\n")
        if measured.measurements:
            typer.echo("\n".join(notes(measured.measurements)), err=form is Format.latex)
    say_missing(measured.unavailable)
    say_missing(measured.failed, "failed: ")


def say_missing(reasons: Mapping[Case, str], what: str = "") -> None:
    """Print what was not measured and why: one line for each backend and reason."""
    alike: dict[tuple[str, str], list[Case]] = {}
    for case, reason in reasons.items():
        alike.setdefault((case.backend, reason), []).append(case)
    for (backend, reason), cases in alike.items():
        networks = ", ".join(dict.fromkeys(case.network_name for case in cases if case.network))
        typer.echo(f"{backend}{f' ({networks})' if networks else ''}: {what}{reason}", err=True)


def _comparison_table(compared: Sequence[Comparison]) -> Table:
    from harness.bench.tables import made, mark

    lines = [[row.now.title, f"{mark(row)}{row.ratio:.3f}", _verdict(row), "; ".join(row.changes)] for row in compared]
    return made(
        "comparison",
        "Compared with the baseline: samples/s over its samples/s",
        ["case", "ratio", "verdict", "changed since"],
        lines,
    )


def _verdict(comparison: Comparison) -> str:
    if comparison.margin is None:
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
                "case": standing.measurement.title,
                "threads": standing.measurement.threads,
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
                "p": row.p,
                "p_holm": row.p_holm,
                "calibrated_invocations": row.invocations,
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
