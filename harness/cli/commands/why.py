"""``harness why``: why a trial would run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    request,
    settle_threads,
)
from harness.cli.printing import say
from harness.cli.tables import Form, FormOption
from harness.cli.unusable import say_unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.asking import Request
    from harness.plugins.loading import Registry
    from harness.suite import LoadedSuite


def why(
    suite: SuitePath,
    trial: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL",
            help="EXPERIMENT or EXPERIMENT/SEED. An ensemble's name is possible, too.",
            autocompletion=complete_experiment,
        ),
    ],
    *,
    assignments: Assignments = None,
    dataset: DatasetName = None,
    data_directory: DataDirectory = None,
    seeds: Seeds = None,
    device: Device = None,
    out: Out = None,
    format: FormOption = Form.terminal,  # noqa: A002 - the option's name
) -> None:
    """Explain why a trial would run again.

    If the trial would not run again, says that the stored result is used.
    """
    settle_threads(1)
    from harness.errors import HarnessError
    from harness.plugins.loading import registry

    plugins = registry()
    asked = request(
        suite,
        assignments=assignments,
        dataset=dataset,
        data_directory=data_directory,
        seeds=seeds,
        device=device,
        out=out,
    )
    unusable: dict[str, HarnessError] = {}
    answers: list[tuple[str, str, int, str]] = []
    suites = asked.load_all(plugins, [trial.partition("/")[0]]).suites
    for loaded in suites:
        before = f"{loaded.member}: " if loaded.member else ""
        try:
            for name, seed, reason in _reasons(asked, loaded, plugins, trial):
                answers.append((loaded.member, name, seed, reason))
                if format is Form.terminal:
                    say(f"{before}{name} seed {seed}: {reason}")
        except HarnessError as error:
            unusable[loaded.member] = error
    say_unusable(unusable, len(suites), "cannot be used")
    if format is Form.json:
        from harness.cli.documents.document import emit
        from harness.cli.documents.running import WhyDocument, WhyTrial

        trials = [
            WhyTrial(dataset=label or None, experiment=name, seed=seed, reason=reason)
            for label, name, seed, reason in answers
        ]
        emit(WhyDocument(trials=trials, unusable={label: str(error) for label, error in unusable.items()}))


def _reasons(asked: Request, loaded: LoadedSuite, plugins: Registry, trial: str) -> Iterator[tuple[str, int, str]]:
    """Yield the name and seed of each trial that is meant, and what the next run would do with it, and why."""
    from harness.api.asking import planned_run
    from harness.errors import HarnessError, nearest
    from harness.execution.ensembles import ensemble_reasons
    from harness.execution.plan import make_plan
    from harness.execution.pools.choice import pool_of
    from harness.execution.resume import reasons
    from harness.machine.paths import status_of
    from harness.store import take_up
    from harness.suite.finalists import matching

    name, _, seed = trial.partition("/")
    ensemble = loaded.suite.ensembles.get(name)
    if not ensemble and not matching(name, loaded.suite.experiments):
        msg = f"{trial}: no such experiment. {nearest(name, loaded.suite.contenders)}"
        raise HarnessError(msg)
    only = ensemble.members if ensemble else [name]
    with pool_of(1, 1, plugins) as pool:
        made = make_plan(loaded, plugins, pool, only=only, device=asked.device, download=False)
    here = planned_run(asked.directory(loaded), loaded, made)
    if status_of(here.directory):
        here = take_up(here)
    if ensemble:
        known = [(each, reason) for each, reason in ensemble_reasons(here) if each.name == name]
        answers = [(each, reason) for each, reason in known if not seed or str(each.seed) == seed]
        if not answers:
            msg = f"{trial}: no such seed. Known: {', '.join(str(each.seed) for each, _ in known)}."
            raise HarnessError(msg)
        for each, reason in answers:
            yield each.name, each.seed, reason
        return
    chosen = [planned for planned in made.trials if not seed or str(planned.row.seed) == seed]
    if not chosen:
        msg = f"{trial}: no such seed. Known: {', '.join(str(planned.row.seed) for planned in made.trials)}."
        if (name, seed) in {(experiment, str(number)) for experiment, number in here.planned}:
            msg += f" The run has it from another command. Add --seeds {seed}"
        raise HarnessError(msg)
    for planned, reason in zip(chosen, reasons(here, chosen, plugins), strict=True):
        yield planned.row.experiment, planned.row.seed, reason
