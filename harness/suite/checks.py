"""Checks of values that are valid one by one but not together."""

from collections.abc import Collection
from decimal import Decimal
from pathlib import Path

from harness.errors import nearest, shown
from harness.metrics.catalogue import CATALOGUE
from harness.suite.finalists import matching, may_be_tested
from harness.suite.grid import Expanded
from harness.suite.models import BestOf, LeaderboardTable, Suite
from harness.suite.problems import Place, problem
from harness.suite.robustness import Completed, Source
from harness.text import in_toml


def check_training(path: Path, suite: Suite, expanded: Expanded) -> None:
    """Refuse what no backend could train.

    Raises:
        HarnessError: settings that exclude each other, or a split that does not sum to 1.
    """
    for name, experiment in suite.experiments.items():
        if experiment.batch_norm and experiment.batch_size == 1:
            what = "batch_norm needs at least 2 rows a batch, not 1"
            raise problem(path, expanded.source(name, "batch_size"), what)
        if experiment.batch_norm and not experiment.hidden_layers:
            raise problem(path, expanded.source(name, "batch_norm"), "needs a hidden layer to normalise")
        if experiment.schedule.warmup > experiment.epochs:
            what = (
                f"a warm-up of {experiment.schedule.warmup} epochs is longer than the {experiment.epochs} epochs of "
                "training. Shorten it, or raise epochs"
            )
            raise problem(path, expanded.option(name, "schedule", "warmup"), what)
    split = suite.dataset.split
    total = split.train + split.val + split.test
    if abs(total - 1.0) > 1e-9:
        what = f"{split.train} + {split.val} + {split.test} is {total:.6g}. train, val and test must sum to 1"
        raise problem(path, ("dataset", "split"), what)
    if Decimal(repr(split.train)) + Decimal(repr(split.val)) >= 1:
        what = f"train {split.train} and val {split.val} leave no rows for test"
        raise problem(path, ("dataset", "split"), what)


def check_conditions(path: Path, tests: Completed) -> None:
    """Refuse a severity of a perturbation in two tables: results are stored by perturbation and severity.

    Raises:
        HarnessError: two tables have the same condition.
    """
    seen: dict[tuple[str, float], Source] = {}
    for table, source in zip(tests.tables, tests.sources, strict=True):
        for position, severity in enumerate(table.severities):
            first = seen.setdefault((table.perturbation, severity), source)
            if first is not source:
                what = (
                    f"{severity} of {shown(table.perturbation)} is in robustness[{first.index}], too, and results have "
                    "only a perturbation and a severity to distinguish them. Remove one"
                )
                raise problem(path, source.severity(position), what)


def check_references(path: Path, suite: Suite) -> None:
    """Refuse a finalist that names no experiment.

    Raises:
        HarnessError: an experiment is unknown, or a name that must mean one experiment matches several.
    """
    for label, finalist in suite.finalists.items():
        pattern = finalist.best_of if isinstance(finalist, BestOf) else finalist
        matches = matching(pattern, suite.experiments)
        place = ("finalists", label)
        if not matches:
            raise problem(path, place, f"{shown(pattern)} matches no experiment. {nearest(pattern, suite.experiments)}")
        if len(matches) > 1 and not isinstance(finalist, BestOf):
            name = shown(pattern)
            what = f"{name} matches {len(matches)} experiments. Choose one, or write {{ best_of = {name} }}"
            raise problem(path, place, what)


def check_ensembles(path: Path, suite: Suite) -> None:
    """Refuse an ensemble named as an experiment, and a member that no run of the suite has tested.

    Raises:
        HarnessError: a member is unknown, or never among the finalists.
    """
    for name, ensemble in suite.ensembles.items():
        if name in suite.experiments or name in suite.finalists:
            other = "an experiment" if name in suite.experiments else "a label of [finalists]"
            raise problem(path, ("ensembles", name), f"{shown(name)} is {other}, too. Rename one of them")
        for position, member in enumerate(ensemble.members):
            place = ("ensembles", name, "members", position)
            if member not in suite.experiments:
                what = f"unknown experiment {shown(member)}. {nearest(member, suite.experiments)}"
                raise problem(path, place, what)
            if not may_be_tested(suite, [member]):
                what = f"{shown(member)} is never tested: no label of [finalists] means it. Add one, or remove it here"
                raise problem(path, place, what)


def check_leaderboard(path: Path, suite: Suite, perturbations: Collection[str]) -> None:
    """Refuse a baseline, a pair or a series of unknown experiments, a series of no label, and unknown perturbations.

    Raises:
        HarnessError: a name is unknown, or the baseline that ``by`` needs is missing.
    """
    board = suite.leaderboard
    for index, pair in enumerate(board.compare):
        if len(set(pair)) != 2:
            what = f"{in_toml(pair)} is no pair. Name two different experiments"
            raise problem(path, ("leaderboard", "compare", index), what)
    mentioned: list[tuple[Place, str]] = [
        (("leaderboard", "compare", i), name) for i, pair in enumerate(board.compare) for name in pair
    ]
    if board.baseline is not None:
        mentioned.append((("leaderboard", "baseline"), board.baseline))
    for where, name in mentioned:
        check_experiment(path, where, suite, name)
    _check_order(path, board)
    for label, pattern in board.series.items():
        if label not in suite.finalists:
            what = f"no such label in [finalists]. {nearest(label, suite.finalists)}"
            raise problem(path, ("leaderboard", "series", label), what)
        if not matching(pattern, suite.experiments):
            what = f"{shown(pattern)} matches no experiment. {nearest(pattern, suite.experiments)}"
            raise problem(path, ("leaderboard", "series", label), what)
    for name in board.high_severity:
        if name not in perturbations:
            what = f"unknown perturbation {shown(name)}. {nearest(name, perturbations)}"
            raise problem(path, ("leaderboard", "high_severity", name), what)


def _check_order(path: Path, board: LeaderboardTable) -> None:
    """Refuse to rank by what is relative to a baseline where there is none."""
    if CATALOGUE[board.by].ratio and board.baseline is None:
        what = f"{shown(board.by)} is relative to the baseline. Name one as leaderboard.baseline"
        raise problem(path, ("leaderboard", "by"), what)


def check_experiment(path: Path, place: Place, suite: Suite, name: str) -> None:
    """Refuse an unknown experiment; a label of ``[finalists]`` means the experiment that is chosen for it.

    Raises:
        HarnessError: the suite has no experiment, no ensemble and no label of this name.
    """
    known = [*suite.contenders, *suite.finalists]
    if name not in known:
        raise problem(path, place, f"unknown experiment {shown(name)}. {nearest(name, known)}")
