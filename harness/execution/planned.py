"""The trials of an experiment, as planned: a row each, and what trains it where a backend can."""

from dataclasses import dataclass, replace

from harness.datasets.cache import CachedDataset
from harness.execution.attacks import unattackable
from harness.execution.pools.pool import DATASET
from harness.execution.probe import Answer, Question
from harness.execution.recipes import loss_spec
from harness.interfaces import Context
from harness.machine.threads import variables_of
from harness.plugins.components import Kind
from harness.plugins.loading import Registry
from harness.rows import TrialRow
from harness.suite import LoadedSuite
from harness.trial.fingerprints import INTERFACE, stamped_for
from harness.trial.specs import TrialSpec


@dataclass(frozen=True)
class PlannedTrial:
    """A trial that the suite asks for; ``spec`` is None where no backend can run it, and the row says why."""

    row: TrialRow
    spec: TrialSpec | None
    devices: tuple[str, ...] = ()
    """The devices that it may be trained on."""
    needs: tuple[str, ...] = ()
    """What a node of a cluster must be able to do, as `harness.execution.dispatch.Work` has it."""
    slots: int = 1
    """Slots of the pool that it takes, as `harness.execution.dispatch.Work` has it."""

    @property
    def variables(self) -> dict[str, str]:
        """The variables of its process, as `harness.trial.tasks.Task` has them.

        A library that took one thread when it was loaded may not take more later, whatever is asked of it.
        """
        return variables_of(self.slots) if self.slots > 1 else {}


def planned_trials(
    loaded: LoadedSuite,
    registry: Registry,
    name: str,
    data: CachedDataset,
    question: Question | None,
    answer: Answer,
    *,
    attacks: frozenset[str],
    threads: int,
) -> list[PlannedTrial]:
    """Return an experiment's trials, one a seed.

    ``question``: what was asked about the experiment, None where it cannot be trained on this dataset; ``answer``:
    which backend can. ``attacks``: the perturbations of the tests that need gradients by the images.
    """
    first, third_party = _first_row(loaded, registry, name, data, question, answer)
    spec = None
    if question and answer.backend:
        spec = _trial_spec(loaded, first, data, question, threads, third_party=third_party)
        spec = replace(spec, unavailable=unattackable(attacks, answer))
    needs = (answer.needs, f"{DATASET}{data.info.digest}") if answer.needs else ()
    return [
        PlannedTrial(row, spec and _of_row(spec, row), answer.devices, needs)
        for row in stamped_for(first, loaded.suite.suite.seeds)
    ]


def _first_row(
    loaded: LoadedSuite,
    registry: Registry,
    name: str,
    data: CachedDataset,
    question: Question | None,
    answer: Answer,
) -> tuple[TrialRow, bool]:
    """Return the row of an experiment's trials but for seed and fingerprint; whether third-party code trains them."""
    suite, info = loaded.suite, data.info
    experiment = suite.experiments[name]
    loss = question.loss if question else loss_spec(loaded, name)
    parts: list[tuple[Kind, str | None]] = [
        ("dataset", suite.dataset.name),
        ("optimizer", experiment.optimizer.name),
        ("model", experiment.model.name if experiment.model else None),
        ("loss", loss.name if loss else None),
        ("backend", answer.backend),
        *(("perturbation", table.perturbation) for table in experiment.augment),
    ]
    basis = {"interface": INTERFACE, "dataset": info.digest, "split": info.split}
    basis |= {"scale": info.scale} if info.scale else {}
    row = TrialRow(
        experiment=name,
        seed=0,
        group=experiment.group,
        description=experiment.description,
        status="planned" if answer.backend else "unavailable",
        fingerprint="",
        backend=answer.backend or ", ".join(experiment.backends),
        settings=experiment.model_dump(mode="json"),
        parameters=question.network.parameter_count() if question else 0,
        reason="" if answer.backend else answer.reason,
        basis=basis | {"precision": experiment.precision},
        components={f"{kind} {part}": _identity(registry, kind, part) for kind, part in parts if part},
    )
    return row, any(registry.third_party(kind, part) for kind, part in parts[1:] if part)


def _of_row(spec: TrialSpec, row: TrialRow) -> TrialSpec:
    """Return what trains the trial of a row: ``spec`` with its seed and fingerprint."""
    context = replace(spec.context, seed=row.seed)
    return replace(spec, seed=row.seed, fingerprint=row.fingerprint, context=context)


def _identity(registry: Registry, kind: Kind, name: str) -> str:
    """Return by what a component is identified in a trial: of a dataset, the digest of its content says the rest."""
    component = registry.find(kind, name)
    return component.provenance if kind == "dataset" else component.identity


def _trial_spec(
    loaded: LoadedSuite, row: TrialRow, data: CachedDataset, question: Question, threads: int, *, third_party: bool
) -> TrialSpec:
    experiment = loaded.suite.experiments[row.experiment]
    return TrialSpec(
        experiment=row.experiment,
        seed=row.seed,
        data=data,
        split=loaded.suite.dataset.split,
        network=question.network,
        backend=row.backend,
        backend_options=experiment.backend_options.get(row.backend, {}),
        optimizer=question.optimizer,
        loss=question.loss,
        learning_rate=experiment.optimizer.learning_rate,
        schedule=experiment.schedule,
        epochs=experiment.epochs,
        early_stopping=experiment.early_stopping or None,
        context=Context(row.seed, question.device, threads, experiment.precision, experiment.placement),
        fingerprint=row.fingerprint,
        augment=tuple(experiment.augment),
        components=row.components,
        third_party=third_party,
    )
