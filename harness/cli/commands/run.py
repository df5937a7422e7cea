"""``harness run``: trains and tests a suite."""

from __future__ import annotations

import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    Assignments,
    Cluster,
    DataDirectory,
    DatasetName,
    Device,
    Jobs,
    Only,
    Out,
    Seeds,
    SuitePath,
    ThreadNumber,
    request,
    settle,
    threads_of,
)
from harness.cli.printing import say
from harness.cli.tables import Form, FormOption
from harness.errors import LostError, as_typed
from harness.plugins.foreign import interrupt

if TYPE_CHECKING:
    from pathlib import Path

    from harness.plugins.loading import Registry
    from harness.plugins.observers import Observers


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
    cluster: Cluster = None,
    threads: ThreadNumber = "1",
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="30m", help="Limit for each trial: 90s, 30m, 2h; 90 is 90s.")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="2m", help="Time between the checkpoints of a long trial.")
    ] = "2m",
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop when a trial or a perturbation fails.")] = False,
    out: Out = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Move an existing run aside and start anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing until the end.")] = False,
    format: FormOption = Form.terminal,  # noqa: A002 - the option's name
) -> None:
    """Run a suite and show its leaderboards.

    Trains every trial, then tests the finalists. The same command resumes a run: finished trials are not repeated.
    """
    number = threads_of(threads)
    settle(number)
    signal.signal(signal.SIGTERM, interrupt)  # the same clean end as after Ctrl+C
    from harness.api.carrying import Terms, carry_out
    from harness.api.several import Ended, carry_out_each
    from harness.cli.conclusion import conclude, show_results
    from harness.live.choice import display
    from harness.live.lines import Quiet
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
        threads=number,
        out=out,
        cluster=cluster,
    )
    suites = asked.load_all(plugins)
    loaded = suites.suites[0]
    directory = asked.root(loaded)
    observers = Observers(plugins.manager)
    if not quiet:
        _say_faults(plugins, observers)
    terms, words = Terms(timeout, checkpoint, fail_fast, fresh), ["harness", *sys.argv[1:]]

    def moved(aside: Path) -> None:
        typer.echo(f"the earlier run was moved to {as_typed(aside)}", err=True)

    def watching(label: str) -> list[object]:
        if label and not quiet:
            say(f"dataset {label}", err=True)
        return [Quiet() if quiet else display(elsewhere=True)]

    left_out: set[str] = set()
    said = (lambda _line: None) if quiet else partial(say, err=True)
    try:
        if suites.labels:
            ended = carry_out_each(
                asked, suites, plugins, terms, observers, watching=watching, command=words, moved=moved,
                said=said, declined=partial(_decline, left_out),
            )  # fmt: skip
        else:
            run, outcome = carry_out(
                asked, loaded, plugins, terms, observers, watching=watching(""), command=words, moved=moved, said=said
            )
            ended = [Ended("", run, outcome)]
    except (KeyboardInterrupt, LostError) as interruption:
        why = f"{interruption}. Finished" if isinstance(interruption, LostError) else "finished"
        say(f"interrupted: {why} trials are in {as_typed(directory)}; the same command resumes", err=True)
        raise typer.Exit(130) from None
    finally:
        _say_faults(plugins if quiet else None, observers)
    if format is Form.json:
        from harness.cli.documents.document import emit
        from harness.cli.documents.running import RunDocument

        emit(RunDocument.of(loaded.suite.suite.name, directory, ended, plugins, observers))
    else:
        show_results(directory, ended)
    conclude(directory, ended, left_out)
    if not all(finished.all_well for finished in ended):
        raise typer.Exit(1)


def _decline(left_out: set[str], label: str, reason: str) -> None:
    """Say that a dataset cannot be used, and add it to those."""
    left_out.add(label)
    say(f"dataset {label} is left out: {reason}", err=True)


def _say_faults(plugins: Registry | None, observers: Observers) -> None:
    """Print which plugins are quarantined, as one may be an observer, and which observers had faults."""
    debug = "--debug" in sys.argv
    for entry in plugins.quarantined if plugins else ():
        say(str(entry), err=True)
        if debug:
            typer.echo(entry.traceback, err=True)
    for place, what in observers.faulty.items():
        say(f"observer {place} {what}", err=True)
        if debug:
            typer.echo(observers.tracebacks.get(place, ""), err=True)
