"""What a suite must not ask for, although every value of it is fine by itself."""

from decimal import Decimal
from pathlib import Path

from harness.errors import nearest, shown
from harness.suite.finalists import matching
from harness.suite.grid import Expanded, Place
from harness.suite.models import BestOf, Suite
from harness.suite.problems import problem


def check_training(path: Path, suite: Suite, expanded: Expanded) -> None:
    """Refuse what no backend could train.

    Raises:
        HarnessError: settings that exclude each other, or a split that does not sum to 1.
    """
    for name, experiment in suite.experiments.items():
        if experiment.batch_norm and experiment.batch_size == 1:
            what = "1 leaves batch_norm nothing to normalise. At least 2 is needed"
            raise problem(path, expanded.source(name, "batch_size"), what)
        if experiment.batch_norm and not experiment.hidden_layers:
            raise problem(path, expanded.source(name, "batch_norm"), "there is no hidden layer to normalise")
    split = suite.dataset.split
    total = split.train + split.val + split.test
    if abs(total - 1.0) > 1e-9:
        what = f"{split.train} + {split.val} + {split.test} is {total:.6g}. train, val and test must sum to 1"
        raise problem(path, ("dataset", "split"), what)
    if Decimal(repr(split.train)) + Decimal(repr(split.val)) >= 1:
        what = f"train {split.train} and val {split.val} leave nothing for test"
        raise problem(path, ("dataset", "split"), what)


def check_conditions(path: Path, suite: Suite) -> None:
    """Refuse a severity of one perturbation in two tables: results are kept by perturbation and severity.

    Raises:
        HarnessError: a condition stands there twice.
    """
    seen: dict[tuple[str, float], int] = {}
    for index, table in enumerate(suite.robustness):
        for position, severity in enumerate(table.severities):
            first = seen.setdefault((table.perturbation, severity), index)
            if first != index:
                what = (
                    f"{severity} of {shown(table.perturbation)} stands in robustness[{first}] too, and results are "
                    "told apart by perturbation and severity alone. Remove one of them"
                )
                raise problem(path, ("robustness", index, "severities", position), what)


def check_references(path: Path, suite: Suite) -> None:
    """Refuse a finalist, baseline or pair that names no experiment.

    Raises:
        HarnessError: it is unknown, or a name that stands for one experiment matches several.
    """
    for label, finalist in suite.finalists.items():
        pattern = finalist.best_of if isinstance(finalist, BestOf) else finalist
        found = matching(pattern, suite.experiments)
        place = ("finalists", label)
        if not found:
            raise problem(path, place, f"{shown(pattern)} matches no experiment. {nearest(pattern, suite.experiments)}")
        if len(found) > 1 and not isinstance(finalist, BestOf):
            name = shown(pattern)
            what = f"{name} matches {len(found)} experiments. Choose one, or write {{ best_of = {name} }}"
            raise problem(path, place, what)
    mentioned: list[tuple[Place, str]] = [
        (("leaderboard", "compare", i), name) for i, pair in enumerate(suite.leaderboard.compare) for name in pair
    ]
    if suite.leaderboard.baseline is not None:
        mentioned.append((("leaderboard", "baseline"), suite.leaderboard.baseline))
    for where, name in mentioned:
        check_experiment(path, where, suite, name)


def check_experiment(path: Path, place: Place, suite: Suite, name: str) -> None:
    """Refuse the name of an experiment that is none.

    Raises:
        HarnessError: there is no such experiment.
    """
    if name not in suite.experiments:
        raise problem(path, place, f"there is no experiment {shown(name)}. {nearest(name, suite.experiments)}")
