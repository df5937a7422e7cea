"""The plugins' components that a suite names: are they there, and do they take its options?"""

from pathlib import Path

from harness.errors import HarnessError
from harness.interfaces import Dataset
from harness.plugins import Component, Kind, Registry
from harness.suite.grid import Expanded, Place
from harness.suite.models import Suite
from harness.suite.options import OptionError, build, setting
from harness.suite.problems import problem


def check_components(path: Path, suite: Suite, registry: Registry, expanded: Expanded) -> Dataset:
    """Return the suite's dataset, once every component that the suite names was found to take its options.

    ``expanded`` are the file's tables: an error names the place that the faulty value came from.

    Raises:
        HarnessError: a component is not there, an option is not its own, or weights would decay twice: by the
            experiment and by its optimizer.
    """
    for name, experiment in suite.experiments.items():
        given = expanded.tables[name]
        backends = expanded.source(name, "backend")
        for backend in experiment.backends:
            _find(path, registry, "backend", backend, backends)
        optimizer = experiment.optimizer
        table = given.get("optimizer", {})
        named = expanded.place(name, "optimizer", "name") if "name" in table else ("defaults", "optimizer", "name")
        component = _find(path, registry, "optimizer", optimizer.name, named)
        try:
            build(component, optimizer.options, path.parent, beside=type(optimizer).model_fields)
        except OptionError as error:
            # A table without a name is merged key by key: the key may stand there, or in the defaults.
            own = error.key in table or "name" in table
            place = expanded.place(name, "optimizer", error.key) if own else ("defaults", "optimizer", error.key)
            raise problem(path, place, error.what) from None
        own_decay = setting(component, optimizer.options, "weight_decay")
        if experiment.weight_decay and own_decay:
            what = (
                f"{experiment.weight_decay} (added to the gradient) and optimizer.weight_decay {own_decay} "
                f"({optimizer.name}'s own) are both on. Set one of them to 0"
            )
            raise problem(path, expanded.source(name, "weight_decay"), what)
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
