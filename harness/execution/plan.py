"""From a suite to its trials: which would run, on which backend, and which cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.datasets.splits import Split
from harness.errors import HarnessError, as_typed, nearest, printable
from harness.execution.attacks import attacks_of, check_attacks
from harness.execution.fitting import check_perturbations, families, fitted_network, untested, without
from harness.execution.opening import open_split
from harness.execution.planned import PlannedTrial, planned_trials
from harness.execution.pools import Pool
from harness.execution.probe import Answer, Question, ask
from harness.execution.recipes import loss_spec, optimizer_spec
from harness.execution.substitutes import substitutes
from harness.plugins.loading import Registry
from harness.suite import LoadedSuite, Suite
from harness.suite.finalists import chosen, matching, may_be_tested
from harness.text import counted
from harness.trial.fingerprints import perturbation_components

MOST_TRIALS = 100_000
"""Of a command. The header of a run of that many is read in a second; `LARGEST_TEXT` of files has room for it."""


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
    substitutes: tuple[str, ...] = ()
    """Which experiments train on another backend than the first that the suite names, and why: a line each."""

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
    download: bool = True,
) -> Plan:
    """Return the plan of a suite; its dataset is loaded into the cache, and downloaded first only if that may be.

    ``pool``: where backends are asked what they can do here, and a third party's dataset is read. ``only``: names or
    globs of experiments; all without. ``device`` replaces ``"auto"`` in the suite. On one of several datasets, an
    experiment that cannot be trained on it is unavailable, and perturbations that do not take it are left out.

    Raises:
        HarnessError: the dataset is not to be had or cannot be split, ``only`` matches nothing, an experiment cannot
            be trained on it, or nothing can use ``device``.
    """
    suite = loaded.suite
    names = choose(suite, only)
    _check_count(loaded, len(names))
    data, split = open_split(loaded, registry, pool, download=download)
    left_out = check_perturbations(loaded, registry, data.info, names)
    questions, refused = _questions(loaded, registry, names, data, split, device)
    answers = dict(zip(questions, ask(pool, registry, list(questions.values())), strict=True))
    _check_device(device, questions, answers)
    tested = without(suite, left_out)
    measured = tested if may_be_tested(suite, names) else untested(tested)
    attacks = attacks_of(measured, registry)
    if not only:
        check_attacks(loaded, attacks, answers)
    instead = substitutes(questions, answers)
    answers |= {name: Answer(None, reason=reason) for name, reason in refused.items()}
    trials = [
        trial
        for name in names
        for trial in planned_trials(
            loaded, registry, name, data, questions.get(name), answers[name], attacks=attacks, threads=threads
        )
    ]
    tests = perturbation_components(tested.robustness, registry)
    return Plan(data, trials, tests, families(measured, registry), attacks, left_out, instead)


def _questions(
    loaded: LoadedSuite,
    registry: Registry,
    names: Sequence[str],
    data: CachedDataset,
    split: Split,
    device: str | None,
) -> tuple[dict[str, Question], dict[str, str]]:
    """Return what to ask about each experiment, and why the others cannot be trained on this one of several datasets.

    Raises:
        HarnessError: an experiment cannot be trained on the suite's only dataset.
    """
    questions, refused = {}, {}
    for name in names:
        experiment = loaded.suite.experiments[name]
        try:
            network = fitted_network(loaded, registry, name, data, split)
        except HarnessError as error:
            if not loaded.member:
                raise
            refused[name] = str(error)
            continue
        questions[name] = Question(
            tuple(experiment.backends),
            device if device and experiment.device == "auto" else experiment.device,
            network,
            optimizer_spec(loaded, name),
            experiment.precision,
            loss_spec(loaded, name),
            bool(experiment.augment),
            experiment.backend_options,
        )
    return questions, refused


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


def _check_device(device: str | None, questions: Mapping[str, Question], answers: Mapping[str, Answer]) -> None:
    """Refuse a device of the command line that nothing can use: a suite's own is for another machine, this is not."""
    refused = [answers[name].reason for name, question in questions.items() if question.device == device]
    if device and refused and not any(answer.backend for answer in answers.values()):
        msg = (
            f"--device {as_typed(device, 80)}: no backend of these experiments can use it here: {printable(refused[0])}"
        )
        raise HarnessError(msg)
