"""``harness run``: trains and tests a suite."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    Assignments,
    DataDirectory,
    DatasetName,
    Device,
    Jobs,
    Only,
    Out,
    Seeds,
    SuitePath,
    Threads,
    request,
    settle,
)
from harness.cli.printing import say
from harness.cli.tables import room
from harness.errors import as_typed
from harness.plugins.foreign import interrupt
from harness.text import command, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.execution.run import Outcome
    from harness.plugins.loading import Registry
    from harness.plugins.observers import Observers
    from harness.results.results import Results
    from harness.store import Run

SHOWN = ("overview", "validation", "comparison", "corruption", "robust", "robustness")
"""The tables that a run ends with; `harness leaderboard` has the others too."""


def run(
    suite: SuitePath,
    *,
    assignments: Assignments = None,
    dataset: DatasetName = None,
    data_directory: DataDirectory = None,
    only: Only = None,
    seeds: Seeds = None,
    device: Device = None,
    jobs: Jobs = None,
    threads: Threads = 1,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="30m", help="Limit for each trial: 90s, 30m, 2h; 90 is 90s.")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="2m", help="Time between the checkpoints of a long trial.")
    ] = "2m",
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop when a trial fails.")] = False,
    out: Out = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Move an existing run aside and start anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing until the end.")] = False,
) -> None:
    """Run a suite and show its leaderboards.

    Trains every trial, then tests the finalists. The same command resumes a run: finished trials are not repeated.
    """
    settle(threads)
    signal.signal(signal.SIGTERM, interrupt)  # the same clean end as after Ctrl+C
    from harness.api.carrying import Terms, carry_out
    from harness.cli.progress import display
    from harness.plugins.loading import registry
    from harness.plugins.observers import Observers

    plugins = registry()
    asked = request(
        suite,
        assignments=assignments,
        dataset=dataset,
        data_directory=data_directory,
        only=only,
        seeds=seeds,
        device=device,
        jobs=jobs,
        threads=threads,
        out=out,
    )
    loaded = asked.load(plugins)
    directory = asked.directory(loaded)
    observers = Observers(plugins.manager)
    if not quiet:
        _say_faults(plugins, observers)
    try:
        here, outcome = carry_out(
            asked,
            loaded,
            plugins,
            Terms(timeout, checkpoint, fail_fast, fresh),
            observers,
            watching=[display(quiet=quiet)],
            command=["harness", *sys.argv[1:]],
            moved=lambda aside: typer.echo(f"the earlier run was moved to {as_typed(aside)}", err=True),
        )
    except KeyboardInterrupt:
        say(f"interrupted: finished trials are in {as_typed(directory)}; the same command resumes", err=True)
        raise typer.Exit(130) from None
    finally:
        _say_faults(plugins if quiet else None, observers)
    _conclude(here, outcome)
    if not outcome.all_well:
        raise typer.Exit(1)


def _say_faults(plugins: Registry | None, observers: Observers) -> None:
    """Print which plugins are quarantined, as one may be an observer, and which observers had faults."""
    for entry in plugins.quarantined if plugins else ():
        say(f"plugin {entry.plugin} ({entry.distribution} {entry.version}) is quarantined: {entry.error}", err=True)
    for place, what in observers.faulty.items():
        say(f"observer {place} {what}", err=True)
        if "--debug" in sys.argv:
            typer.echo(observers.tracebacks.get(place, ""), err=True)


def _conclude(here: Run, outcome: Outcome) -> None:
    """Show the leaderboards, what failed and why, and where the results are."""
    from harness.results.leaderboard import summaries, tables
    from harness.results.results import Results
    from harness.results.tables import render_all

    results = Results.of(here)
    found = tables(results)
    brief = summaries(results, found)
    shown = [table for table in found if table.key in brief and table.key.partition("-")[0] in SHOWN]
    typer.echo(render_all(shown, "terminal", room=room()))
    for damage in outcome.damaged:
        say(f"damaged: {damage}", err=True)
    for row in outcome.stale:
        say(f"stale, now in {as_typed(here.directory / 'superseded')}: {row}", err=True)
    for line in _unfinished(here, outcome):
        say(line, err=True)
    say(
        f"results: {as_typed(here.directory)}\n"
        f"all tables, also as Markdown, CSV, LaTeX or JSON: {command('harness', 'leaderboard', here.directory)}",
        err=True,
    )
    expectations = _expectations(results)
    if expectations:
        say(expectations, err=True)


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
