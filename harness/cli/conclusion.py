"""What a run ends with: leaderboards, what failed and why, and where the results are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.printing import say
from harness.cli.tables import room
from harness.errors import as_typed
from harness.text import command, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.api.several import Ended
    from harness.execution.run import Outcome
    from harness.results.results import Results
    from harness.results.tables import Table
    from harness.store import Run

SHOWN = ("overview", "validation", "comparison", "corruption", "robust", "robustness")
"""The tables that a run ends with; `harness leaderboard` has the others too."""


def show_results(directory: Path, ended: Sequence[Ended]) -> None:
    """Show the tables of a run, or of the runs of several datasets."""
    from harness.results.datasets import SeveralResults, in_brief
    from harness.results.datasets import tables as tables_over
    from harness.results.results import Results
    from harness.results.tables import render_all
    from harness.store import read_several

    several = read_several(directory)
    if several and ended[0].label:
        shown = [table for table in tables_over(SeveralResults.of(directory, several)) if in_brief(table.key)]
    else:
        results = [Results.of(one.run) for one in ended if one.run]
        shown = [table for each in results for table in _summary(each)]
    typer.echo(render_all(shown, "terminal", room=room()))


def conclude(directory: Path, ended: Sequence[Ended]) -> None:
    """Say, on standard error, what failed and why, and where the results are."""
    from harness.results.results import Results

    for one in ended:
        before = f"{one.label}: " if one.label else ""
        for line in _remarks(one):
            say(before + line, err=True)
    say(
        f"results: {as_typed(directory)}\n"
        f"all tables, also as Markdown, CSV, LaTeX or JSON: {command('harness', 'leaderboard', directory)}",
        err=True,
    )
    for one in ended:
        expectations = _expectations(Results.of(one.run)) if one.run else None
        if expectations:
            say(f"{one.label}: {expectations}" if one.label else expectations, err=True)


def _summary(results: Results) -> list[Table]:
    """Return the tables that a run of one dataset ends with."""
    from harness.results.leaderboard import summaries, tables

    found = tables(results)
    brief = summaries(results, found)
    return [table for table in found if table.key in brief and table.key.partition("-")[0] in SHOWN]


def _remarks(one: Ended) -> Iterator[str]:
    """Yield what a run found damaged or stale, and what is not done."""
    if one.run is None or one.outcome is None:
        yield one.reason
        return
    for damage in one.outcome.damaged:
        yield f"damaged: {damage}"
    for row in one.outcome.stale:
        yield f"stale, now in {as_typed(one.run.directory / 'superseded')}: {row}"
    yield from _unfinished(one.run, one.outcome)


def _expectations(results: Results) -> str | None:
    """Return a line with the verdict on the suite's expectations and how to see more; None without expectations."""
    if not results.suite.expect:
        return None
    from harness.results.verify.verification import spoken
    from harness.results.verify.verification import verify as judge

    return f"{spoken(judge(results))}: {command('harness', 'verify', results.directory)}"


def _unfinished(here: Run, outcome: Outcome) -> Iterator[str]:
    """Yield a line for each trial that is not done; trials of an experiment with the same reason share a line."""
    alike: dict[tuple[str, str], list[int]] = {}
    for row in outcome.rows:
        if row.status == "done":
            continue
        log = here.log(row.experiment, row.seed)
        where = f" (log: {as_typed(log)})" if row.status in {"failed", "timed out"} and log.exists() else ""
        reason = f": {row.reason}" if row.reason else ""
        alike.setdefault((row.experiment, f"{row.status}{reason}{where}"), []).append(row.seed)
    for (experiment, ending), seeds in alike.items():
        yield f"{experiment} {numbered('seed', seeds)} {ending}"
