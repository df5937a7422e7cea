"""``harness plan``: what would run, how long it would take, and whether it works."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

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
from harness.cli.tables import Form, FormOption, table
from harness.cli.unusable import say_unusable

if TYPE_CHECKING:
    from harness.api.asking import Request
    from harness.api.foreseeing import Foreseen
    from harness.cli.documents.running import PlannedRun
    from harness.datasets.info import DatasetInfo
    from harness.execution.outlook import Outlook, Prospect
    from harness.execution.plan import Plan
    from harness.plugins.loading import Registry
    from harness.suite import LoadedSuite


def plan(
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
    out: Out = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Train a few batches of trials that never ran here, to predict their time.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Train one batch of each experiment on each backend, so mistakes surface.")
    ] = False,
    format: FormOption = Form.terminal,  # noqa: A002 - the option's name
) -> None:
    """Show what would run, and for how long.

    Lists the state of every trial: to run, to measure, done, or unavailable and why. --probe predicts times on a new
    machine; --smoke finds mistakes before a long run. Nothing is downloaded, not with these options either.
    """
    number = threads_of(threads)
    settle(number)
    from harness.errors import HarnessError
    from harness.plugins.loading import registry

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
    problems = False
    unusable: dict[str, HarnessError] = {}
    plans: list[PlannedRun] = []
    for loaded in suites.suites:
        try:
            problems |= _foresee(asked, loaded, plugins, plans if format is Form.json else None, probe, smoke)
        except HarnessError as error:
            if not loaded.member:
                raise
            unusable[loaded.member] = error
        if loaded is not suites.suites[-1] and format is Form.terminal:
            typer.echo()
    say_unusable(unusable, len(suites.suites), "cannot be planned")
    if format is Form.json:
        from harness.cli.documents.document import emit
        from harness.cli.documents.running import PlanDocument

        reasons = {label: str(error) for label, error in unusable.items()}
        emit(PlanDocument.of(suites.suites[0].suite.suite.name, plans, reasons, well=not (problems or unusable)))
    if problems or unusable:
        raise typer.Exit(1)


def _foresee(
    asked: Request, loaded: LoadedSuite, plugins: Registry, plans: list[PlannedRun] | None, probe: bool, smoke: bool
) -> bool:
    """Show what a run would do, or add it to ``plans``; return whether anything that was tried out failed."""
    from harness.api.foreseeing import foreseen
    from harness.execution.smoke import smoke as train_batches

    with foreseen(asked, loaded, plugins, probed=probe, said=partial(say, err=True)) as ahead:
        if plans is None:
            _show_plan(loaded, ahead)
        batches = None
        if smoke:
            batches = train_batches(
                loaded, plugins, ahead.pool, only=asked.only, threads=asked.each, device=asked.device
            )
        if plans is not None:
            from harness.cli.documents.running import PlannedRun

            plans.append(PlannedRun.of(loaded, ahead, batches))
        elif batches is not None:
            lines = [[batch.experiment, batch.backend, batch.result] for batch in batches]
            typer.echo()
            table("smoke test: one batch each", lines, ["Experiment", "Backend", "Result"])
        return bool(ahead.problems) or any(batch.failed for batch in batches or ())


def _show_plan(loaded: LoadedSuite, ahead: Foreseen) -> None:
    from harness.datasets.description import size_and_range
    from harness.errors import as_typed
    from harness.execution.attacks import unavailable_tests
    from harness.execution.ensembles import ensemble_reasons
    from harness.text import counted

    made, known = ahead.plan, ahead.outlook
    counts, sizes = known.counts, made.dataset.sizes
    stale = f" ({counts['stale']} stale)" if counts["stale"] else ""
    more = f"{counts['measure']} to measure, " if counts["measure"] else ""
    title = " · ".join(filter(None, [as_typed(loaded.suite.suite.name), loaded.member]))
    say(
        f"{title}: {counted(len(known.trials), 'trial')}, {counts['done']} done, "
        f"{len(known.ahead)} to run{stale}, {more}{counts['unavailable']} unavailable\n"
        f"{_named(made.dataset)}, {counted(len(made.dataset.class_names), 'class')}, "
        f"{sizes['train']:,} train / {sizes['val']:,} val / {sizes['test']:,} test\n"
        f"{size_and_range(made.data)}{_scaled(made)}\nrun directory: {ahead.run.directory}"
    )
    if prediction := _prediction(known):
        say(prediction)
    for line in (*made.substitutes, *ahead.threads):
        say(line)
    headers = ["Experiment", "Seed", "Group", "Backend", "Parameters", "Epochs", "State", "Time", "Memory", "Note"]
    lines = [_line(trial) for trial in known.trials]
    table("", lines, headers, minor=["Group", "Parameters", "Memory"], whole="-f json shows all.")
    for ensemble, reason in ensemble_reasons(ahead.run):
        say(f"ensemble {ensemble.name} seed {ensemble.seed}: {reason}")
    for name, reason in unavailable_tests(loaded.suite, (trial.spec for trial in made.trials)).items():
        say(f"{name}: {reason}")
    for reason in made.left_out.values():
        say(reason)
    for name, reason in loaded.lacking.items():
        say(f"{name}: not selected, and unavailable: {reason}")


def _named(dataset: DatasetInfo) -> str:
    """Return the dataset's name and title; the name alone where the title begins with it."""
    known = dataset.title.startswith(f"{dataset.name},")
    return f"dataset {dataset.title}" if known else f"dataset {dataset.name}: {dataset.title}"


def _prediction(known: Outlook) -> str:
    """Return a line with the time that training will take; nothing where nothing is to be trained."""
    from harness.text import spoken

    if not known.ahead:
        return ""
    if known.seconds is None:
        return "predicted: unknown, because nothing similar has run on this machine. --probe measures it"
    most = "at most " if known.at_most else ""
    guessed = f", {known.unknown} of them estimated from the others" if known.unknown else ""
    together = f"{known.slots} at a time" if known.slots > 1 else "one at a time"
    if any(trial.slots > 1 for trial in known.ahead):
        together = f"on {known.slots} cores"
    return f"predicted: {most}{spoken(known.seconds)} for training, {together}{guessed}"


def _scaled(made: Plan) -> str:
    """Return what the trials make of the values."""
    if made.dataset.kind == "image":
        return ", scaled to 0 … 1"
    by = "standardised by the training rows" if made.dataset.scale == "standard" else "used as they are"
    return f", {by}"


def _line(trial: Prospect) -> list[Any]:
    """Return the cells of a trial."""
    from harness.text import spoken

    row, forecast = trial.row, trial.forecast
    seconds = memory = ""
    if forecast:
        seconds = f"{'≤ ' if forecast.at_most else ''}{spoken(forecast.seconds)}"
        memory = f"{forecast.anonymous_bytes / 1e6:,.0f} MB" if forecast.anonymous_bytes else ""
    epochs = "" if trial.epochs is None else trial.epochs
    parameters = f"{row.parameters:,}" if row.parameters else ""  # of a network that cannot be built they are unknown
    about = [row.experiment, row.seed, row.group, row.backend, parameters, epochs, trial.state]
    return [*about, seconds, memory, trial.note]
