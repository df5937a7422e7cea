"""``harness why``: why a trial would run again."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.completion import complete_experiment
from harness.cli.options import (
    Assignments,
    DataDirectory,
    DatasetName,
    Device,
    Out,
    Seeds,
    SuitePath,
    load,
    planned_run,
    pool_of,
    run_directory,
    settle_threads,
)
from harness.cli.printing import say


def why(
    suite: SuitePath,
    trial: Annotated[
        str,
        typer.Argument(metavar="TRIAL", help="EXPERIMENT or EXPERIMENT/SEED.", autocompletion=complete_experiment),
    ],
    *,
    assignments: Assignments = None,
    dataset: DatasetName = None,
    data_directory: DataDirectory = None,
    seeds: Seeds = None,
    device: Device = None,
    out: Out = None,
) -> None:
    """Explain why a trial would run again.

    If it would not, says that its stored row is used.
    """
    settle_threads(1)
    from harness.errors import HarnessError, nearest
    from harness.execution.plan import make_plan
    from harness.execution.resume import reasons
    from harness.machine.paths import status_of
    from harness.plugins.loading import registry
    from harness.store import take_up
    from harness.suite.finalists import matching

    name, _, seed = trial.partition("/")
    plugins = registry()
    loaded = load(suite, plugins, assignments, dataset, seeds, data_directory, [name])
    if not matching(name, loaded.suite.experiments):
        msg = f"{trial}: no such experiment. {nearest(name, loaded.suite.experiments)}"
        raise HarnessError(msg)
    with pool_of(1, 1) as pool:
        made = make_plan(loaded, plugins, pool, only=[name], device=device)
    here = planned_run(run_directory(suite, dataset, out), loaded, made)
    if status_of(here.directory):
        here = take_up(here)
    chosen = [planned for planned in made.trials if not seed or str(planned.row.seed) == seed]
    if not chosen:
        msg = f"{trial}: no such seed. Known: {', '.join(str(planned.row.seed) for planned in made.trials)}."
        raise HarnessError(msg)
    for planned, reason in zip(chosen, reasons(here, chosen, plugins), strict=True):
        say(f"{planned.row.experiment} seed {planned.row.seed}: {reason}")
