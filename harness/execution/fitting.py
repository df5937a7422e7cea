"""Whether a suite fits the dataset that it names: known only once the dataset is read."""

from typing import Literal

from harness.datasets.info import DatasetInfo
from harness.errors import shown
from harness.plugins.loading import Registry
from harness.plugins.perturbations import absence, family_of, is_attack, range_problem
from harness.suite import LoadedSuite, Suite
from harness.suite.finalists import may_be_tested
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
        raise attributed(problem(loaded.path, ("dataset", "scale"), what), loaded.changes, loaded.table)
    return ""


def check_perturbations(loaded: LoadedSuite, registry: Registry, data: DatasetInfo, experiments: list[str]) -> None:
    """Refuse a perturbation, of tests or training, that does not take this dataset's rows, or a severity that it lacks.

    Nothing is trained yet.

    Raises:
        HarnessError: one does not take the rows, has no such severity, or cannot be imported.
    """
    suite = loaded.suite
    tests = zip(suite.robustness, loaded.sources, strict=True) if may_be_tested(suite, experiments) else ()
    for table, source in tests:
        place, why = source.place("perturbation"), _why_not(registry, table.perturbation, data)
        for position, severity in enumerate(table.severities if not why else ()):
            place, why = source.severity(position), _why_no_severity(registry, table.perturbation, severity)
            if why:
                break
        if why:
            raise attributed(problem(loaded.path, place, why), loaded.changes, loaded.table)
    for name in experiments:
        for augmentation in suite.experiments[name].augment:
            perturbation = augmentation.perturbation
            why = _why_not(registry, perturbation, data, training=True) or _why_no_severity(
                registry, perturbation, augmentation.severity
            )
            if why:
                raise loaded.problem(name, "augment", why)


def families(suite: Suite, registry: Registry) -> dict[str, str]:
    """Return the family of each perturbation of a suite's tests that has one."""
    names = dict.fromkeys(table.perturbation for table in suite.robustness)
    found = {name: family_of(registry.find("perturbation", name).load()) for name in names}
    return {name: family for name, family in found.items() if family}


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
