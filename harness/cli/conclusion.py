"""What a run ends with: leaderboards, what failed and why, and where the results are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.printing import say
from harness.cli.tables import room
from harness.errors import as_typed
from harness.text import command, counted, numbered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
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
        results = [Results.of(finished.run) for finished in ended if finished.run]
        shown = [table for each in results for table in _summary(each)]
    typer.echo(render_all(shown, "terminal", room=room(), others=command("harness", "leaderboard", directory)))


def conclude(directory: Path, ended: Sequence[Ended], left_out: Collection[str]) -> None:
    """Say, on standard error, what failed and why, and where the results are; ``left_out``: datasets already named."""
    from harness.results.results import Results

    for finished in ended:
        if finished.label in left_out:
            continue
        before = f"{finished.label}: " if finished.label else ""
        for line in _remarks(finished):
            say(before + line, err=True)
    say(
        f"results: {as_typed(directory)}\n"
        f"all tables, also as Markdown, CSV, LaTeX or JSON: {command('harness', 'leaderboard', directory)}",
        err=True,
    )
    for finished in ended:
        for line in _expectations(Results.of(finished.run)) if finished.run else ():
            say(f"{finished.label}: {line}" if finished.label else line, err=True)
    if lacking := _lacking(ended):
        say(f"incomplete: {lacking}. The same command tries again", err=True)


def _lacking(ended: Sequence[Ended]) -> str:
    """Return how many datasets, trials and tests are lacking, in words; empty where the exit code is 0."""
    outcomes = [finished.outcome for finished in ended if finished.outcome]
    datasets = len(ended) - len(outcomes)
    trials, cells = sum(each.unfinished for each in outcomes), sum(each.lost_cells for each in outcomes)
    parts = [
        f"{counted(datasets, 'dataset')} not run" if datasets else "",
        f"{counted(trials, 'trial')} not done" if trials else "",
        f"{counted(cells, 'cell')} lost" if cells else "",
    ]
    return ", ".join(filter(None, parts))


def _summary(results: Results) -> list[Table]:
    """Return the tables that a run of one dataset ends with."""
    from harness.results.leaderboard import summaries, tables

    leaderboards = tables(results)
    brief = summaries(results, leaderboards)
    return [table for table in leaderboards if table.key in brief and table.key.partition("-")[0] in SHOWN]


def _remarks(finished: Ended) -> Iterator[str]:
    """Yield what a run found damaged or stale, what is not done, and what tests lost."""
    from harness.store.lost import lines_on

    if finished.run is None or finished.outcome is None:
        yield finished.reason
        return
    for damage in finished.outcome.damaged:
        yield f"damaged: {damage}"
    for row in finished.outcome.stale:
        yield f"stale, now in {as_typed(finished.run.directory / 'superseded')}: {row}"
    yield from _unfinished(finished.run, finished.outcome)
    yield from lines_on(finished.outcome.lost)


def _expectations(results: Results) -> Iterator[str]:
    """Yield a line with the verdict on the suite's expectations and how to see more; nothing without expectations."""
    if not results.suite.expect:
        return
    from harness.results.verify.verification import verify as judge
    from harness.results.verify.wording import spoken

    yield f"{spoken(judge(results))}: {command('harness', 'verify', results.directory)}"


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
