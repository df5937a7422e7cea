"""The plugins' components that a suite names: are they there, and do they take its options?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.interfaces import Dataset
from harness.plugins import Component, Kind, Registry
from harness.suite.models import Suite
from harness.suite.options import OptionError, build
from harness.suite.problems import problem

Place = tuple[str | int, ...]


def check_components(path: Path, suite: Suite, registry: Registry, raw: Mapping[str, Any]) -> Dataset:
    """Return the suite's dataset, once every component that the suite names was found to take its options.

    ``raw`` is the file's table: an error names the place that the faulty value came from.

    Raises:
        HarnessError: a component is not there, or an option is not its own.
    """
    for name, experiment in suite.experiments.items():
        given = raw["experiments"][name]
        own: Place = ("experiments", name)
        backends: Place = (*(own if "backend" in given else ("defaults",)), "backend")
        for backend in experiment.backends:
            _find(path, registry, "backend", backend, backends)
        optimizer = experiment.optimizer
        table = given.get("optimizer", {})
        named: Place = (*(own if "name" in table else ("defaults",)), "optimizer")
        component = _find(path, registry, "optimizer", optimizer.name, (*named, "name"))
        try:
            build(component, optimizer.options, path.parent)
        except OptionError as error:
            # A table without a name is merged key by key: the key may stand there, or in the defaults.
            place = (*own, "optimizer") if error.key in table else named
            raise problem(path, (*place, error.key), error.what) from None
    for index, robustness in enumerate(suite.robustness):
        _find(path, registry, "perturbation", robustness.perturbation, ("robustness", index, "perturbation"))
    component = _find(path, registry, "dataset", suite.dataset.name, ("dataset", "name"))
    try:
        dataset: Dataset = build(component, suite.dataset.options, path.parent)
    except OptionError as error:
        raise problem(path, ("dataset", error.key), error.what) from None
    return dataset


def _find(path: Path, registry: Registry, kind: Kind, name: str, place: Place) -> Component:
    try:
        return registry.find(kind, name)
    except HarnessError as error:
        raise problem(path, place, str(error)) from None
