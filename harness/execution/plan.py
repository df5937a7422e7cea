"""From a suite to its trials: which would run, on which backend, and which cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.datasets.splits import SETS
from harness.errors import HarnessError, as_typed, nearest, printable
from harness.execution.apart import read
from harness.execution.attacks import attacks_of, check_attacks, unattackable
from harness.execution.fitting import check_perturbations, families, fitted_network, scale_of, untested, without
from harness.execution.pools import Pool
from harness.execution.probe import Answer, Question, ask
from harness.execution.recipes import loss_spec, optimizer_spec
from harness.interfaces import Context
from harness.machine.cache import cache_root
from harness.plugins.loading import Kind, Registry
from harness.plugins.options import ComponentSpec
from harness.rows import TrialRow
from harness.suite import LoadedSuite, Suite
from harness.suite.finalists import chosen, matching, may_be_tested
from harness.text import counted, seconds
from harness.trial.fingerprints import INTERFACE, perturbation_components, stamped_for
from harness.trial.jobs import split_of
from harness.trial.specs import TrialSpec

MOST_TRIALS = 100_000
"""Of a command. The header of a run of that many is read in a second; `LARGEST_TEXT` of files has room for it."""


@dataclass(frozen=True)
class PlannedTrial:
    """A trial that the suite asks for; ``spec`` is None where no backend can run it, and the row says why."""

    row: TrialRow
    spec: TrialSpec | None
    devices: tuple[str, ...] = ()
    """The devices that it may be trained on."""
    needs: tuple[str, ...] = ()
    """What a node of a cluster must be able to do, as `harness.execution.dispatch.Work` has it."""


@dataclass(frozen=True)
class Plan:
    """Every trial that was asked for, in the suite's order, and the data that they share."""

    data: CachedDataset
    trials: list[PlannedTrial]
    perturbations: dict[str, str] = field(default_factory=dict)
    """What each perturbation of the tests is, ``"perturbation gaussian_noise"`` -> ``"nn-harness 0.1.0"``."""
    families: dict[str, str] = field(default_factory=dict)
    """The family of each perturbation of the tests that has one."""
    attacks: frozenset[str] = frozenset()
    """Which perturbations of the tests are made against each network."""
    left_out: dict[str, str] = field(default_factory=dict)
    """The suite's perturbations that this one of several datasets is tested without, and why."""

    @property
    def dataset(self) -> DatasetInfo:
        """What the run says of its data."""
        return self.data.info

    @property
    def components(self) -> dict[str, str]:
        """Each plugin that the trials that can run and their tests take, as `perturbations` has them."""
        trained = {key: value for trial in self.trials if trial.spec for key, value in trial.row.components.items()}
        return trained | self.perturbations


def make_plan(
    loaded: LoadedSuite,
    registry: Registry,
    pool: Pool,
    *,
    only: Sequence[str] = (),
    threads: int = 1,
    device: str | None = None,
) -> Plan:
    """Return the plan of a suite; its dataset is loaded into the cache.

    ``pool``: where backends are asked what they can do here, and a third party's dataset is read. ``only``: names or
    globs of experiments; all without. ``device`` replaces ``"auto"`` in the suite. On one of several datasets, an
    experiment that cannot be trained on it is unavailable, and perturbations that do not take it are left out.

    Raises:
        HarnessError: the dataset is not to be had or cannot be split, ``only`` matches nothing, an experiment cannot
            be trained on it, or nothing can use ``device``.
    """
    suite = loaded.suite
    experiments = {name: suite.experiments[name] for name in choose(suite, only)}
    _check_count(loaded, len(experiments))
    data = open_dataset(loaded, registry, pool)
    try:
        split = split_of(data, suite.dataset.split)
    except HarnessError as error:
        msg = f"{loaded.source('dataset', 'split')}: dataset {suite.dataset.name!r}: {error}"
        raise HarnessError(msg) from None
    sizes = {name: len(getattr(split, name)) for name in SETS}
    info = replace(data.info, sizes=sizes, split=split.digest(), scale=scale_of(loaded, data.info))
    data = CachedDataset(info, data.directory.absolute())
    left_out = check_perturbations(loaded, registry, info, list(experiments))
    basis = {"interface": INTERFACE, "dataset": info.digest, "split": info.split}
    basis |= {"scale": info.scale} if info.scale else {}
    questions: dict[str, Question] = {}
    refused: dict[str, str] = {}
    for name, experiment in experiments.items():
        try:
            network = fitted_network(loaded, registry, name, data, split)
        except HarnessError as error:
            if not loaded.member:
                raise
            refused[name] = str(error)
            continue
        place = device if device and experiment.device == "auto" else experiment.device
        asked = Question(
            tuple(experiment.backends), place, network, optimizer_spec(loaded, name), experiment.precision,
            loss_spec(loaded, name), bool(experiment.augment), experiment.backend_options,
        )  # fmt: skip
        questions[name] = asked
    answers = dict(zip(questions, ask(pool, registry, list(questions.values())), strict=True))
    _check_device(device, list(questions.values()), list(answers.values()))
    tested = without(suite, left_out)
    attacks = attacks_of(measured := tested if may_be_tested(suite, experiments) else untested(tested), registry)
    if not only:
        check_attacks(loaded, attacks, answers)
    trials = []
    for name, experiment in experiments.items():
        question, answer = questions.get(name), answers.get(name) or Answer(None, reason=refused.get(name, ""))
        loss = question.loss if question else loss_spec(loaded, name)
        parts: list[tuple[Kind, str | None]] = [
            ("dataset", suite.dataset.name),
            ("optimizer", experiment.optimizer.name),
            ("model", experiment.model.name if experiment.model else None),
            ("loss", loss.name if loss else None),
            ("backend", answer.backend),
            *(("perturbation", table.perturbation) for table in experiment.augment),
        ]
        components = {f"{kind} {part}": _identity(registry, kind, part) for kind, part in parts if part}
        foreign = any(registry.third_party(kind, part) for kind, part in parts[1:] if part)
        first = TrialRow(
            experiment=name,
            seed=0,
            group=experiment.group,
            description=experiment.description,
            status="planned" if answer.backend else "unavailable",
            fingerprint="",
            backend=answer.backend or ", ".join(experiment.backends),
            settings=experiment.model_dump(mode="json"),
            parameters=question.network.parameter_count() if question else 0,
            reason=answer.reason,
            basis=basis | {"precision": experiment.precision},
            components=components,
        )
        needs = (answer.needs,) if answer.needs else ()
        spec = None
        if question and answer.backend:
            spec = _trial_spec(loaded, first, data, question, threads, third_party=foreign)
            spec = replace(spec, unavailable=unattackable(attacks, answer))
        for row in stamped_for(first, suite.suite.seeds):
            own = spec and replace(
                spec, seed=row.seed, fingerprint=row.fingerprint, context=replace(spec.context, seed=row.seed)
            )
            trials.append(PlannedTrial(row, own, answer.devices, needs))
    tests = perturbation_components(tested.robustness, registry)
    return Plan(data, trials, tests, families(measured, registry), attacks, left_out)


def choose(suite: Suite, only: Sequence[str]) -> list[str]:
    """Return the experiments that ``only`` names, in the suite's order.

    Raises:
        HarnessError: a pattern matches none.
    """
    names = list(suite.experiments)
    for pattern in only:
        if not matching(pattern, names):
            msg = f"--only {as_typed(pattern, 80)}: matches no experiment. {nearest(pattern, names)}"
            raise HarnessError(msg)
    return chosen(only, names)


def open_dataset(loaded: LoadedSuite, registry: Registry, pool: Pool) -> CachedDataset:
    """Return the suite's dataset from the cache, where it is put first if need be; a third party's in the pool.

    Raises:
        HarnessError: it is not available, or it or its files are faulty.
    """
    table = loaded.suite.dataset
    try:
        spec = ComponentSpec(table.name, table.options, loaded.path.parent)
        component = registry.find("dataset", table.name)
        longest = loaded.suite.suite.timeout
        return read(spec, cache_root(), loaded.dataset, component, pool, seconds(longest) if longest else None)
    except HarnessError as error:
        # Where it complains of one of its options, it begins with that.
        option = str(error).partition(":")[0]
        msg = f"{loaded.source('dataset', option)}: dataset {table.name!r}: {error}"
        raise HarnessError(msg) from error


def _identity(registry: Registry, kind: Kind, name: str) -> str:
    """Return by what a component is identified in a trial: of a dataset, the digest of its content says the rest."""
    component = registry.find(kind, name)
    return component.provenance if kind == "dataset" else component.identity


def _check_count(loaded: LoadedSuite, experiments: int) -> None:
    """Refuse more trials than a run can have: each has its own folder and row."""
    seeds = len(loaded.suite.suite.seeds)
    if experiments * seeds > MOST_TRIALS:
        what = f"{counted(seeds, 'seed')} of {counted(experiments, 'experiment')} make {experiments * seeds:,} trials"
        msg = (
            f"{loaded.source('suite', 'seeds')}: {what}, and a run has at most {MOST_TRIALS:,}: each has "
            "its own folder. Give fewer seeds, or choose experiments with --only"
        )
        raise HarnessError(msg)


def _check_device(device: str | None, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
    """Refuse a device of the command line that nothing can use: a suite's own is for another machine, this is not."""
    refused = [answer.reason for question, answer in zip(questions, answers, strict=True) if question.device == device]
    if device and refused and not any(answer.backend for answer in answers):
        msg = (
            f"--device {as_typed(device, 80)}: no backend of these experiments can use it here: {printable(refused[0])}"
        )
        raise HarnessError(msg)


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
