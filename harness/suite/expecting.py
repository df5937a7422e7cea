"""Checks that a run could be verified against a suite's expectations."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from harness.errors import nearest, shown
from harness.metrics.catalogue import CATALOGUE
from harness.suite.checks import check_experiment
from harness.suite.expectations import listed, metrics
from harness.suite.models import Expect, Suite
from harness.suite.problems import Place, problem
from harness.suite.relations import Relation, parse
from harness.trial.robustness import severities_of

_FIGURE = ("experiment", "metric", "value", "source")
_FIGURES_ALONE = ("experiment", "minus", "metric", "value", "tolerance", "dataset", "images")


def check_expectations(
    path: Path, suite: Suite, perturbations: Collection[str], attacks: Callable[[str], bool], *, whole: bool = True
) -> None:
    """Refuse an ``[[expect]]`` that no run could meet or miss.

    ``whole``: whether the suite has all of its tests, which a command that tests nothing may leave out.

    Raises:
        HarnessError: it is neither a figure nor a relation, its lists differ in length, it names an unknown
            experiment, metric or perturbation (of those installed) or a severity that is not tested, or expects a
            robust accuracy under a perturbation that is not an attack, as ``attacks`` says.
    """
    for index, expect in enumerate(suite.expect):
        place: Place = ("expect", index)
        check = _figure if expect.relation is None else _relation
        names = check(path, place, suite, expect)
        _check_baseline(path, (*place, "metric" if expect.relation is None else "relation"), suite, names)
        _condition(path, place, expect, names, perturbations)
        if expect.dataset in {None, suite.dataset.name}:
            _check_tested(path, place, expect, severities_of(suite.robustness), whole=whole)
        attacked = next((name for name in names if CATALOGUE[name].attacked), None)
        if attacked and expect.perturbation and not attacks(expect.perturbation):
            what = f"{shown(expect.perturbation)} is not an attack, and {attacked!r} is of attacked images"
            raise problem(path, (*place, "perturbation"), f"{what}. Name an attack, or expect test_accuracy")


def _figure(path: Path, place: Place, suite: Suite, expect: Expect) -> list[str]:
    for key in _FIGURE:
        if getattr(expect, key) is None:
            what = "is missing. An expectation is a figure (experiment, metric, value, source) or a relation"
            raise problem(path, (*place, key), what)
    for key in ("experiment", "minus"):
        name = getattr(expect, key)
        if name is not None:
            check_experiment(path, (*place, key), suite, name)
            _check_measured(path, (*place, "metric"), suite, name, metrics(expect))
    count = len(listed(expect.value))
    for key in ("metric", "severity", "tolerance"):
        values = getattr(expect, key)
        if isinstance(values, list) and (len(values) != count or not isinstance(expect.value, list)):
            what = f"has {len(values)} entries, and value has {count}. Give one entry, or one for each value"
            raise problem(path, (*place, key), what)
    for metric in metrics(expect):
        if CATALOGUE[metric].of_machine:
            what = f"{shown(metric)} depends on the machine. Expect a relation within the run instead"
            raise problem(path, (*place, "metric"), what)
        if expect.tolerance is None and metric not in suite.expectations.tolerance:
            what = f"is missing. Give it here, or as expectations.tolerance.{metric}"
            raise problem(path, (*place, "tolerance"), what)
    return metrics(expect)


def _relation(path: Path, place: Place, suite: Suite, expect: Expect) -> list[str]:
    for key in _FIGURES_ALONE:
        if getattr(expect, key) is not None:
            raise problem(path, (*place, key), "belongs to a figure, and this is a relation. Remove one of them")
    names: list[str] = []
    for text in listed(expect.relation):
        try:
            relation = parse(text)
        except ValueError as error:
            raise problem(path, (*place, "relation"), str(error)) from None
        for term in relation.terms:
            check_experiment(path, (*place, "relation"), suite, term.experiment)
            _check_measured(path, (*place, "relation"), suite, term.experiment, [term.metric])
            names.append(term.metric)
        if why := _incomparable(relation):
            raise problem(path, (*place, "relation"), why)
    return names


def _incomparable(relation: Relation) -> str:
    """Return why no run could decide a relation, empty where one could."""
    if relation.right is None:
        return ""
    if relation.left == relation.right:
        return f"compares {relation.left} with itself. Name another experiment on one side"
    units = [CATALOGUE[term.metric].unit for term in relation.terms]
    if units[0] is not units[1]:
        return f"{relation.left} and {relation.right} have different units. Name metrics of one unit"
    return ""


def _check_baseline(path: Path, place: Place, suite: Suite, names: list[str]) -> None:
    """Refuse a metric that is relative to a baseline where the suite names none."""
    relative = [name for name in names if CATALOGUE[name].ratio]
    if relative and suite.leaderboard.baseline is None:
        what = f"{shown(relative[0])} is relative to the baseline. Name one as leaderboard.baseline"
        raise problem(path, place, what)


def _check_measured(path: Path, place: Place, suite: Suite, name: str, names: list[str]) -> None:
    """Refuse a metric that an ensemble does not have: it is not trained, and answers test rows alone."""
    for metric in names if name in suite.ensembles else ():
        if not CATALOGUE[metric].of_test:
            raise problem(path, place, f"{shown(name)} is an ensemble: it has metrics of test rows, and no {metric}")


def _condition(path: Path, place: Place, expect: Expect, names: list[str], known: Collection[str]) -> None:
    """Check the perturbation and severity of an expectation about the metrics ``names``."""
    relative = [name for name in names if CATALOGUE[name].ratio]
    of_all = [name for name in relative if (ratio := CATALOGUE[name].ratio) and ratio.of_all]
    if expect.perturbation is None:
        if expect.severity is not None:
            raise problem(path, (*place, "perturbation"), "is missing, and severity needs it")
        if perturbed := [name for name in names if CATALOGUE[name].perturbed and name not in of_all]:
            more = "" if perturbed[0] in relative else " and a severity"
            raise problem(path, (*place, "perturbation"), f"is missing, and {perturbed[0]!r} needs it{more}")
        return
    if of_all:
        what = f"is there, and {of_all[0]!r} is over all perturbations of the suite. Remove it"
        raise problem(path, (*place, "perturbation"), what)
    if expect.perturbation not in known:
        what = f"unknown perturbation {shown(expect.perturbation)}. {nearest(expect.perturbation, known)}"
        raise problem(path, (*place, "perturbation"), what)
    if relative and expect.severity is not None:
        what = f"is there, and {relative[0]!r} is over all severities of the perturbation. Remove it"
        raise problem(path, (*place, "severity"), what)
    if not listed(expect.severity) and (relative != names or not names):
        raise problem(path, (*place, "severity"), "is missing, and perturbation needs it")
    for metric in names:
        if not CATALOGUE[metric].of_test:
            measured = ", ".join(
                sorted(name for name, record in CATALOGUE.items() if record.of_test and not record.ratio)
            )
            what = f"{shown(metric)} is not measured under perturbations. Known: {measured}."
            raise problem(path, (*place, "perturbation"), what)


def _check_tested(
    path: Path, place: Place, expect: Expect, tested: Mapping[str, Sequence[float]], *, whole: bool
) -> None:
    """Refuse a perturbation or a severity that no ``[[robustness]]`` of the suite tests."""
    name = expect.perturbation
    if name is None or (name not in tested and not whole):
        return
    if name not in tested:
        what = f"{shown(name)} is not tested. Add a [[robustness]] table for it, or remove the expectation"
        raise problem(path, (*place, "perturbation"), what)
    for severity in listed(expect.severity):
        if severity not in tested[name]:
            values = ", ".join(f"{each:g}" for each in tested[name])
            what = f"{severity:g} is not tested. Tested severities of {shown(name)}: {values}"
            raise problem(path, (*place, "severity"), what)
