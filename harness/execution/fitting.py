"""Whether a suite fits the dataset that it names: known only once the dataset is read."""

from collections.abc import Collection
from itertools import count
from typing import Literal

from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.datasets.splits import Split
from harness.errors import shown
from harness.execution.recipes import minimising
from harness.interfaces import NetworkSpec, kinds_of
from harness.plugins.loading import Registry
from harness.plugins.perturbations import absence, family_of, is_attack, range_problem
from harness.suite import LoadedSuite, Suite
from harness.suite.finalists import may_be_tested
from harness.suite.network import planned_network
from harness.suite.overrides import attributed
from harness.suite.problems import problem
from harness.trial.perturbing import refusal


def scale_of(loaded: LoadedSuite, data: DatasetInfo) -> Literal["", "standard", "none"]:
    """Return how the suite has vectors scaled; empty for images, which have no choice.

    Raises:
        HarnessError: it says how, and the dataset has images.
    """
    scaling = loaded.suite.dataset.scaling
    if data.kind == "vector":
        return scaling or "standard"
    if scaling:
        what = (
            f"{shown(scaling)} is for vectors, and dataset {data.name!r} has images, which are scaled to [0, 1]. "
            "Remove the line"
        )
        raise attributed(problem(loaded.path, loaded.dataset_place("scale"), what), loaded.changes, loaded.table)
    return ""


def check_perturbations(
    loaded: LoadedSuite, registry: Registry, data: DatasetInfo, experiments: list[str]
) -> dict[str, str]:
    """Refuse a perturbation of tests that does not take this dataset's rows, or a severity that it lacks.

    Nothing is trained yet. One of several datasets is tested without a perturbation that does not take its rows: return
    each such perturbation, and that it is not tested under it, and why.

    Raises:
        HarnessError: one does not take the rows, has no such severity, or cannot be imported.
    """
    suite = loaded.suite
    left_out = {}
    tests = zip(suite.robustness, loaded.sources, strict=True) if may_be_tested(suite, experiments) else ()
    for table, source in tests:
        name = table.perturbation
        if loaded.member and (refused := refusal(registry.find("perturbation", name).load(), data)):
            left_out[name] = f"not tested under {shown(name)}, which {refused}"
            continue
        place, why = source.place("perturbation"), _why_not(registry, name, data)
        for position, severity in enumerate(table.severities if not why else ()):
            place, why = source.severity(position), _why_no_severity(registry, name, severity)
            if why:
                break
        if why:
            raise attributed(problem(loaded.path, place, why), loaded.changes, loaded.table)
    return left_out


def fitted_network(
    loaded: LoadedSuite, registry: Registry, name: str, data: CachedDataset, split: Split
) -> NetworkSpec:
    """Return the network of an experiment that can be trained on a dataset, with what its training rows decide.

    Raises:
        HarnessError: its model, its batches, its weights of classes or a perturbation of its training do not fit.
    """
    info = data.info
    network = planned_network(loaded, registry, name, info.shape, len(info.class_names))
    network = minimising(loaded, name, network, data, split)
    _check_last_batch(loaded, name, network, len(split.train))
    _check_augmentation(loaded, registry, info, name)
    return network


def _check_augmentation(loaded: LoadedSuite, registry: Registry, data: DatasetInfo, name: str) -> None:
    """Refuse a perturbation of an experiment's training that does not take this dataset's rows.

    Raises:
        HarnessError: one does not, or cannot be imported.
    """
    for augmentation in loaded.suite.experiments[name].augment:
        perturbation = augmentation.perturbation
        why = _why_not(registry, perturbation, data, training=True) or _why_no_severity(
            registry, perturbation, augmentation.severity
        )
        if why:
            raise loaded.problem(name, "augment", why)


def families(suite: Suite, registry: Registry) -> dict[str, str]:
    """Return the family of each perturbation of a suite's tests that has one."""
    names = dict.fromkeys(table.perturbation for table in suite.robustness)
    by_name = {name: family_of(registry.find("perturbation", name).load()) for name in names}
    return {name: family for name, family in by_name.items() if family}


def without(suite: Suite, perturbations: Collection[str]) -> Suite:
    """Return a suite without some perturbations: its tests do not have them, and nothing is expected of them."""
    if not perturbations:
        return suite
    tests = [table for table in suite.robustness if table.perturbation not in perturbations]
    expect = [line for line in suite.expect if line.perturbation not in perturbations]
    return suite.model_copy(update={"robustness": tests, "expect": expect})


def untested(suite: Suite) -> Suite:
    """Return a suite without its tests: where nothing is tested, their perturbations need not be installed."""
    return suite.model_copy(update={"robustness": []})


def _check_last_batch(loaded: LoadedSuite, name: str, network: NetworkSpec, rows: int) -> None:
    """Refuse a batch norm over a last batch of one row, which has no variance."""
    if rows % network.batch_size == 1 and any(kind.smallest_batch > 1 for kind in kinds_of(network.layers)):
        enough = next(size for size in count(network.batch_size + 1) if rows % size != 1)
        what = (
            f"{network.batch_size} leaves a last batch of one row out of {rows:,}, which batch_norm cannot normalise. "
            f"Choose {enough} or another"
        )
        raise loaded.problem(name, "batch_size", what)


def _why_not(registry: Registry, name: str, data: DatasetInfo, *, training: bool = False) -> str:
    """Return why a perturbation does not take the data, or cannot be used here; empty where it does."""
    component = registry.find("perturbation", name)
    why = refusal(component.load(), data)
    if training and is_attack(component.load()):
        why = "is an attack, made against a trained network for its tests, and does not augment training"
    if why:
        return f"{shown(name)} {why}. Remove the table, or name another"
    absent = absence(component)
    return f"{shown(name)} {absent}" if absent else ""


def _why_no_severity(registry: Registry, name: str, severity: float) -> str:
    """Return why a perturbation does not have a severity; empty where it does."""
    why = range_problem(registry.find("perturbation", name), severity)
    return f"{severity:g} is not a severity of {shown(name)}: {why}" if why else ""
