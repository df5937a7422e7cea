"""Are a suite's expectations such that a run could be held against them?"""

from collections.abc import Collection
from pathlib import Path

from harness.errors import nearest, shown
from harness.metrics.catalogue import CATALOGUE
from harness.suite.checks import check_experiment
from harness.suite.expectations import listed, metrics
from harness.suite.grid import Place
from harness.suite.models import Expect, Suite
from harness.suite.problems import problem
from harness.suite.relations import parse

_FIGURE = ("experiment", "metric", "value", "source")
_FIGURES_ALONE = ("experiment", "minus", "metric", "value", "tolerance", "dataset", "images")


def check_expectations(path: Path, suite: Suite, perturbations: Collection[str]) -> None:
    """Refuse an ``[[expect]]`` that no run could meet or miss.

    Raises:
        HarnessError: it is neither a figure nor a relation, its lists differ in length, or it names an experiment, a
            metric or a perturbation (of those installed) that there is not.
    """
    for index, one in enumerate(suite.expect):
        place: Place = ("expect", index)
        found = _figure(path, place, suite, one) if one.relation is None else _relation(path, place, suite, one)
        _condition(path, place, one, found, perturbations)


def _figure(path: Path, place: Place, suite: Suite, one: Expect) -> list[str]:
    for key in _FIGURE:
        if getattr(one, key) is None:
            given = " An expectation is a figure (experiment, metric, value, source) or a relation"
            raise problem(path, (*place, key), f"is missing.{given}")
    for key in ("experiment", "minus"):
        name = getattr(one, key)
        if name is not None:
            check_experiment(path, (*place, key), suite, name)
    count = len(listed(one.value))
    for key in ("metric", "severity", "tolerance"):
        values = getattr(one, key)
        if isinstance(values, list) and (len(values) != count or not isinstance(one.value, list)):
            what = f"{len(values)} for {count} of value. Give one, or as many as there are values"
            raise problem(path, (*place, key), what)
    for metric in metrics(one):
        if CATALOGUE[metric].of_machine:
            what = f"{shown(metric)} depends on the machine. Expect a relation within the run instead"
            raise problem(path, (*place, "metric"), what)
        if one.tolerance is None and metric not in suite.expectations.tolerance:
            what = f"is missing: neither here nor as expectations.tolerance.{metric}"
            raise problem(path, (*place, "tolerance"), what)
    return metrics(one)


def _relation(path: Path, place: Place, suite: Suite, one: Expect) -> list[str]:
    for key in _FIGURES_ALONE:
        if getattr(one, key) is not None:
            raise problem(path, (*place, key), "belongs to a figure, and this is a relation. Remove one of them")
    found: list[str] = []
    for text in listed(one.relation):
        try:
            relation = parse(text)
        except ValueError as error:
            raise problem(path, (*place, "relation"), str(error)) from None
        for term in relation.terms:
            check_experiment(path, (*place, "relation"), suite, term.experiment)
            found.append(term.metric)
    return found


def _condition(path: Path, place: Place, one: Expect, found: list[str], known: Collection[str]) -> None:
    if one.perturbation is None:
        if one.severity is not None:
            raise problem(path, (*place, "perturbation"), "is missing, and there is a severity")
        if "degradation" in found:
            raise problem(path, (*place, "perturbation"), "is missing: 'degradation' is under one, at a severity")
        return
    if one.perturbation not in known:
        what = f"unknown perturbation {shown(one.perturbation)}. {nearest(one.perturbation, known)}"
        raise problem(path, (*place, "perturbation"), what)
    if not listed(one.severity):
        raise problem(path, (*place, "severity"), "is missing, and there is a perturbation")
    for metric in found:
        if not CATALOGUE[metric].of_test:
            measured = ", ".join(sorted(name for name, record in CATALOGUE.items() if record.of_test))
            what = f"{shown(metric)} is not measured under perturbations. Known: {measured}."
            raise problem(path, (*place, "perturbation"), what)
