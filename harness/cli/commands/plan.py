"""``harness plan``: what would run, how long it would take, and whether it works."""

from __future__ import annotations

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
    load,
    planned_run,
    pool_of,
    run_directory,
    settle,
)
from harness.cli.printing import say
from harness.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.execution.forecast import Forecast, Timings
    from harness.execution.plan import Plan
    from harness.execution.resume import Lookup
    from harness.store import Run
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
    threads: Threads = 1,
    out: Out = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Train a few batches of trials that never ran here, to predict their time.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Train one batch of each experiment on each backend, so mistakes surface.")
    ] = False,
) -> None:
    """Show what would run, and for how long.

    Lists the state of every trial: to run, to measure, done, or unavailable and why. --probe predicts times on a new
    machine; --smoke finds mistakes before a long run.
    """
    settle(threads)
    from harness.execution.forecast import Timings, timings_path
    from harness.execution.plan import make_plan
    from harness.execution.resume import look_up, to_measure
    from harness.execution.smoke import checkpoints
    from harness.execution.smoke import probe as time_batches
    from harness.execution.smoke import smoke as train_batches
    from harness.machine.paths import status_of
    from harness.plugins.loading import registry
    from harness.store import take_up

    plugins = registry()
    loaded = load(suite, plugins, assignments, dataset, seeds, data_directory, only)
    with pool_of(jobs, threads) as pool:
        made = make_plan(loaded, plugins, pool, only=only or (), threads=threads, device=device)
        here = planned_run(run_directory(suite, dataset, out), loaded, made)
        if status_of(here.directory):
            here = take_up(here)
        timings = Timings(timings_path())
        problems = time_batches(made, pool, timings) if probe else {}
        stored = [look_up(here, trial) for trial in made.trials]
        measured = to_measure(here, made.trials, stored, plugins)
        remarks = checkpoints(here, made.trials, stored, pool)
        _show_plan(loaded, made, here, timings, problems, pool.slots, stored, measured, remarks)
        if smoke:
            batches = train_batches(loaded, plugins, pool, only=only or (), threads=threads, device=device)
            lines = [[batch.experiment, batch.backend, batch.result] for batch in batches]
            typer.echo()
            table("smoke test: one batch each", lines, ["Experiment", "Backend", "Result"])
            problems |= {batch.experiment: batch.result for batch in batches if batch.failed}
    if problems:
        raise typer.Exit(1)


def _show_plan(
    loaded: LoadedSuite,
    made: Plan,
    here: Run,
    timings: Timings,
    problems: dict[str, str],
    slots: int,
    stored: Sequence[Lookup],
    measured: Mapping[tuple[str, int], str],
    checkpoints: Mapping[tuple[str, int], str],
) -> None:
    from harness.datasets.description import size_and_range
    from harness.errors import as_typed
    from harness.execution.ensembles import ensemble_reasons
    from harness.execution.forecast import estimates, makespan
    from harness.execution.training import cost
    from harness.text import counted, spoken

    lines, counts, ahead = [], {"run": 0, "measure": 0, "done": 0, "unavailable": 0, "stale": 0}, []
    sizes = made.dataset.sizes
    for trial, found in zip(made.trials, stored, strict=True):
        row = trial.row
        to_test = measured.get((row.experiment, row.seed), "")
        state = "measure" if to_test else "done" if found.row else "run" if trial.spec else "unavailable"
        counts[state] += 1
        forecast = timings.forecast(trial.spec, row, sizes["train"]) if trial.spec and state == "run" else None
        if state == "run":
            state = "stale" if found.differences else "run"
            counts["stale"] += state == "stale"
            ahead.append((cost(trial), forecast))
        note = _note(found, runs=trial.spec is not None, to_test=to_test)
        refusal = "" if found.row else row.reason  # where a row serves, no backend is needed
        why_not = refusal or problems.get(row.experiment, "")
        note = "; ".join(filter(None, [note, why_not, checkpoints.get((row.experiment, row.seed), "")]))
        epochs = trial.spec.epochs if trial.spec else ""
        about = [row.experiment, row.seed, row.group, row.backend, f"{row.parameters:,}", epochs, state]
        lines.append([*about, *_predicted(forecast), note])
    stale = f" ({counts['stale']} stale)" if counts["stale"] else ""
    more = f"{counts['measure']} to measure, " if counts["measure"] else ""
    say(
        f"{as_typed(loaded.suite.suite.name)}: {counted(len(lines), 'trial')}, {counts['done']} done, "
        f"{counts['run']} to run{stale}, {more}{counts['unavailable']} unavailable\n"
        f"dataset {made.dataset.name}: {made.dataset.title}, {counted(len(made.dataset.class_names), 'class')}, "
        f"{sizes['train']:,} train / {sizes['val']:,} val / {sizes['test']:,} test\n"
        f"{size_and_range(made.data)}{_scaled(made)}\nrun directory: {here.directory}"
    )
    unknown = sum(forecast is None for _, forecast in ahead)
    if ahead and unknown < len(ahead):
        most = "at most " if any(forecast and forecast.at_most for _, forecast in ahead) else ""
        guessed = f", {unknown} of them estimated from the others" if unknown else ""
        together = f"{slots} at a time" if slots > 1 else "one at a time"
        say(f"predicted: {most}{spoken(makespan(estimates(ahead), slots))} for training, {together}{guessed}")
    elif ahead:
        typer.echo("predicted: unknown, because nothing similar has run on this machine. --probe measures it")
    headers = ["Experiment", "Seed", "Group", "Backend", "Parameters", "Epochs", "State", "Time", "Memory", "Note"]
    if not any(line[-1] for line in lines):
        headers, lines = headers[:-1], [line[:-1] for line in lines]
    table("", lines, headers, minor=["Group", "Parameters", "Memory"])
    for ensemble, reason in ensemble_reasons(here):
        say(f"ensemble {ensemble.name} seed {ensemble.seed}: {reason}")
    for name, reason in loaded.lacking.items():
        say(f"{name}: not selected, and unavailable: {reason}")


def _scaled(made: Plan) -> str:
    """Return what the trials make of the values."""
    if made.dataset.kind == "image":
        return ", scaled to 0 … 1"
    by = "standardised by the training rows" if made.dataset.scale == "standard" else "used as they are"
    return f", {by}"


def _note(found: Lookup, *, runs: bool, to_test: str) -> str:
    """Return why what is stored of a trial does not suffice; ``runs``: whether it can run here."""
    if found.damage:
        fate = f"will be {'measured' if found.row else 'trained'} again" if runs else "cannot run again here"
        return f"damaged, {fate}: {found.damage}"
    if found.differences and found.row is None:
        return f"stale: {'; '.join(found.differences)}"
    return f"test results: {to_test}" if to_test else ""


def _predicted(forecast: Forecast | None) -> list[str]:
    """Return the cells of the predicted time and memory."""
    from harness.text import spoken

    if forecast is None:
        return ["", ""]
    memory = f"{forecast.anonymous_bytes / 2**20:,.0f} MB" if forecast.anonymous_bytes else ""
    return [f"{'≤ ' if forecast.at_most else ''}{spoken(forecast.seconds)}", memory]
