"""What is read of a perturbation when planning: the options that it takes, its levels, and the suite that it is in."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, one_line, printable, shown
from harness.interfaces import Attack, DependentPerturb, GradedPerturb, RangedPerturb, implements
from harness.plugins.components import Component
from harness.plugins.foreign import foreign
from harness.plugins.loading import Registry
from harness.plugins.options import checked
from harness.rows import ADVERSARIAL

_GIVEN = 3
"""The first parameters of a perturbation, which harness gives it: features, severity, generator."""
_KIND = "kind"
"""The keyword by which it is said that the features are vectors."""
_OF_ATTACKS = ("victim", "labels")
"""The keywords by which an attack is given the network that is tested and the true classes."""
_LONGEST_FAMILY = 40
IN_ROBUSTNESS = ("perturbation", "severities", "levels", "seed")
"""The keys of ``[[robustness]]`` that are not options."""
IN_AUGMENT = ("perturbation", "severity", "probability")
"""The keys of ``augment`` that are not options."""


def perturbation_options(
    component: Component, options: Mapping[str, Any], directory: Path, beside: Collection[str] = IN_ROBUSTNESS
) -> dict[str, Any]:
    """Return the options as the perturbation, and its sweep, are given them by keyword.

    ``beside``: the other keys of their table, which an error lists too.

    Raises:
        HarnessError: as `harness.plugins.options.checked`.
    """
    if not options:
        return {}
    perturb = component.load()
    try:
        with foreign():
            names = list(inspect.signature(perturb).parameters)
    except Exception as error:
        msg = f"{component.spoken}: its keywords cannot be read: {one_line(error)}"
        raise HarnessError(msg) from error
    passed = [*names[:_GIVEN], _KIND, *(_OF_ATTACKS if is_attack(perturb) else ())]
    return checked(component, options, directory, beside, passed)


def is_attack(perturb: object) -> bool:
    """Return whether a perturbation needs the network that is tested.

    >>> is_attack(lambda images, severity, rng: images)
    False
    """
    return implements(perturb, Attack)


def is_named_attack(registry: Registry, name: str) -> bool:
    """Return whether the perturbation of a name needs the network that is tested; one that cannot be loaded may."""
    try:
        return is_attack(registry.find("perturbation", name).load())
    except HarnessError:
        return True


def levels_of(component: Component) -> list[float]:
    """Return the severities that a perturbation recommends, empty where it recommends none.

    Raises:
        HarnessError: it cannot be imported, or its levels are not numbers above 0, each larger than the one before.
    """
    perturb: object = component.load()
    if not implements(perturb, GradedPerturb):
        return []
    levels: object = perturb.levels
    offered = list(levels) if isinstance(levels, Sequence) and not isinstance(levels, str) else []
    numbers = [float(level) for level in offered if type(level) in {int, float} and isfinite(level) and level > 0]
    if not numbers or len(numbers) < len(offered) or numbers != sorted(set(numbers)):
        msg = f"{component.spoken}: levels {shown(levels)}; the contract says numbers above 0, ascending"
        raise HarnessError(msg)
    return numbers


def range_problem(component: Component, severity: float) -> str:
    """Return why a perturbation does not have a severity; empty where it does.

    Raises:
        HarnessError: it cannot be imported, or its ``check`` raises or returns something else than a text or None.
    """
    perturb: object = component.load()
    if severity == 0 or not implements(perturb, RangedPerturb):
        return ""
    return _answer(component, f"check({severity})", lambda: perturb.check(severity))


def absence(component: Component) -> str:
    """Return why a perturbation cannot be used here; empty where it can.

    Raises:
        HarnessError: it cannot be imported, or its ``unavailable`` raises or returns neither a text nor None.
    """
    perturb: object = component.load()
    return _answer(component, "unavailable()", perturb.unavailable) if implements(perturb, DependentPerturb) else ""


def _answer(component: Component, call: str, ask: Callable[[], object]) -> str:
    """Return a plugin's reason, in one line; empty for None."""
    place = f"{component.spoken}: {call}"
    try:
        with foreign():
            why = ask()
    except Exception as error:
        msg = f"{place}: {one_line(error)}"
        raise HarnessError(msg) from error
    if why is not None and not isinstance(why, str):
        msg = f"{place} returned {shown(why)}; the contract says a text or None"
        raise HarnessError(msg)
    return printable(why or "")


def usable(registry: Registry) -> dict[str, str]:
    """Return the names of the perturbations that can be used here, each with its family; empty where it has none."""
    families = {}
    for name, component in registry.named("perturbation").items():
        with suppress(HarnessError):
            if not absence(component):
                families[name] = family_of(component.load())
    return families


def family_of(perturb: object) -> str:
    """Return the family that a perturbation says it is of, empty where it says none; of an attack `ADVERSARIAL`.

    >>> family_of(lambda images, severity, rng: images)
    ''
    """
    family = ADVERSARIAL if implements(perturb, Attack) else getattr(perturb, "family", "")
    return printable(family, _LONGEST_FAMILY) if isinstance(family, str) else ""


def suites_of(registry: Registry) -> dict[str, list[str]]:
    """Return the perturbations of each suite that any declares, by name; those of a family are side by side.

    One that cannot be imported is in none.
    """
    families: dict[str, dict[str, list[str]]] = {}
    for name, component in registry.named("perturbation").items():
        with suppress(HarnessError):
            perturb: object = component.load()
            suite = getattr(perturb, "suite", None)
            if isinstance(suite, str):
                families.setdefault(suite, {}).setdefault(family_of(perturb), []).append(name)
    return {suite: [name for names in by_family.values() for name in names] for suite, by_family in families.items()}
