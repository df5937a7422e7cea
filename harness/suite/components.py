"""Checks that the components a suite names are installed and take its options."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import HarnessError, shown
from harness.interfaces import Dataset
from harness.plugins.components import Component, Kind
from harness.plugins.loading import Registry
from harness.plugins.models import check_options
from harness.plugins.options import OptionError, build, located, setting
from harness.plugins.perturbations import IN_AUGMENT, perturbation_options
from harness.suite.component_tables import CROSS_ENTROPY, ComponentTable, ModelTable
from harness.suite.finalists import chosen, may_be_tested
from harness.suite.grid import Expanded
from harness.suite.models import DatasetTable, Experiment, Suite
from harness.suite.problems import Place, SuiteError, problem
from harness.suite.robustness import WHOLE, Source


class AbsentError(SuiteError):
    """A suite names a component that no plugin offers here."""


def check_components(
    path: Path,
    suite: Suite,
    registry: Registry,
    expanded: Expanded,
    sources: Sequence[Source],
    only: Sequence[str] = (),
) -> tuple[Dataset, dict[str, str]]:
    """Check every component that is needed; return the suite's dataset, and the experiments that lack a component.

    ``expanded`` and ``sources`` (of each table of ``suite.robustness``): where an error takes the place of the faulty
    value from. ``only``: names or globs of the experiments that are needed; without any, all are. The second result
    says for the others what they lack.

    Raises:
        HarnessError: a needed component is not installed, does not have an option, or weights would decay twice, by the
            experiment and by its optimizer.
    """
    needed = chosen(only, suite.experiments)
    lacking: dict[str, str] = {}
    for name in suite.experiments:
        try:
            _check_experiment(path, suite, registry, expanded, name)
        except SuiteError as error:
            if name in needed or not isinstance(error, AbsentError):
                raise
            lacking[name] = error.what
        except HarnessError as error:  # the component's own fault
            if name in needed:
                raise
            lacking[name] = str(error)
    tests = zip(suite.robustness, sources, strict=True) if may_be_tested(suite, needed) else ()
    for robustness, source in tests:
        component = _find(path, registry, "perturbation", robustness.perturbation, source.place("perturbation"))
        try:
            perturbation_options(component, robustness.options, path.parent)
        except OptionError as error:
            raise problem(path, source.place(error.key), error.what) from None
    component = _find(path, registry, "dataset", suite.dataset.name, ("dataset", "name"))
    try:
        dataset: Dataset = build(component, suite.dataset.options, path.parent)
    except OptionError as error:
        raise problem(path, ("dataset", error.key), error.what) from None
    return dataset, lacking


def check_optimizer_name(path: Path, registry: Registry, expanded: Expanded, name: str, table: Any) -> None:
    """Refuse an unknown optimizer in an experiment's table that does not validate: its other keys depend on the name.

    Raises:
        AbsentError: no plugin offers it.
    """
    optimizer = table.get("name") if isinstance(table, dict) else None
    if isinstance(optimizer, str) and optimizer:
        _find(path, registry, "optimizer", optimizer, expanded.option(name, "optimizer", "name"))


def check_perturbation_name(path: Path, registry: Registry, index: int, table: Any) -> None:
    """Refuse an unknown perturbation in a ``[[robustness]]`` table that does not validate.

    Raises:
        AbsentError: no plugin offers it.
    """
    perturbation = table.get("perturbation") if isinstance(table, dict) else None
    if isinstance(perturbation, str) and perturbation and not perturbation.endswith(WHOLE):
        _find(path, registry, "perturbation", perturbation, ("robustness", index, "perturbation"))


def _check_experiment(path: Path, suite: Suite, registry: Registry, expanded: Expanded, name: str) -> None:
    experiment = suite.experiments[name]
    _check_backends(path, registry, expanded, name, experiment)
    if experiment.model is not None:
        _check_model(path, registry, expanded, name, experiment.model)
    for index, augmentation in enumerate(experiment.augment):
        place = (*expanded.source(name, "augment"), index)
        perturb = _find(path, registry, "perturbation", augmentation.perturbation, (*place, "perturbation"))
        try:
            perturbation_options(perturb, augmentation.options, path.parent, IN_AUGMENT)
        except OptionError as error:
            raise problem(path, (*place, error.key), error.what) from None
    optimizer = experiment.optimizer
    component = _find(path, registry, "optimizer", optimizer.name, expanded.option(name, "optimizer", "name"))
    _check_options(path, component, optimizer, expanded, name, "optimizer")
    loss = _find(path, registry, "loss", experiment.loss.name, expanded.option(name, "loss", "name"))
    if experiment.loss != CROSS_ENTROPY:  # the loss of most, which has no options to check
        _check_options(path, loss, experiment.loss, expanded, name, "loss")
    own_decay = setting(component, optimizer.options, "weight_decay")
    if experiment.weight_decay and own_decay:
        what = (
            f"{experiment.weight_decay} (added to the gradient) and optimizer.weight_decay {own_decay} "
            f"(in {optimizer.name}) are both on. Set one of them to 0"
        )
        raise problem(path, expanded.source(name, "weight_decay"), what)


def _check_backends(path: Path, registry: Registry, expanded: Expanded, name: str, experiment: Experiment) -> None:
    """Refuse a backend that no plugin offers, one that is named twice with options, and options that it does not take.

    One that cannot be imported is not refused: the plan says so, and takes the next.
    """
    source = expanded.source(name, "backend")
    for index, entry in enumerate(experiment.backend_entries):
        place = (*source, index) if isinstance(experiment.backend, list) else source
        if isinstance(entry, str):
            _find(path, registry, "backend", entry, source)
            continue
        component = _find(path, registry, "backend", entry.name, (*place, "name"))
        if experiment.backends.count(entry.name) > 1:
            raise problem(path, place, f"{shown(entry.name)} is there twice, and has options. Remove one")
        try:
            build(component, entry.options, path.parent, beside=("name",))
        except OptionError as error:
            raise problem(path, (*place, error.key), error.what) from None
        except HarnessError:
            continue


def _check_model(path: Path, registry: Registry, expanded: Expanded, name: str, model: ModelTable) -> None:
    """Refuse a model that no plugin offers, or an option of a wrong name or type."""
    component = _find(path, registry, "model", model.name, expanded.source(name, "model"))
    try:
        check_options(component, model.options, path.parent)
    except OptionError as error:
        raise problem(path, expanded.source(name, "model", error.key), error.what) from None


def _check_options(
    path: Path, component: Component, table: ComponentTable, expanded: Expanded, name: str, key: str
) -> None:
    """Refuse options that a component of an experiment does not take."""
    try:
        build(component, table.options, path.parent, beside=type(table).model_fields)
    except OptionError as error:
        raise problem(path, expanded.option(name, key, error.key), error.what) from None


def _find(path: Path, registry: Registry, kind: Kind, name: str, place: Place) -> Component:
    try:
        return registry.find(kind, name)
    except HarnessError as error:
        raise AbsentError(path, place, str(error)) from None


def located_dataset(table: Any, registry: Registry, folder: Path) -> dict[str, Any]:
    """Return the options of a dataset's table with its files in a folder."""
    try:
        data = DatasetTable.model_validate(table)
        return located(registry.find("dataset", data.name), data.options, folder)
    except (ValidationError, HarnessError):  # which the check of the suite reports
        return {"directory": str(folder)}
