"""A perturbation's options: keywords of the callable behind features, severity and generator."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, one_line
from harness.plugins.foreign import foreign
from harness.plugins.loading import Component
from harness.plugins.options import checked

_GIVEN = 3
"""The first parameters of a perturbation, which harness gives it: features, severity, generator."""
_KIND = "kind"
"""The keyword by which it is said that the features are vectors."""
_BESIDE = ("perturbation", "severities", "seed")


def perturbation_options(component: Component, options: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Return the options as the perturbation, and its sweep, are given them by keyword.

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
        msg = (
            f"perturbation {component.name!r} ({component.provenance}): its keywords cannot be read: {one_line(error)}"
        )
        raise HarnessError(msg) from error
    return checked(component, options, directory, _BESIDE, [*names[:_GIVEN], _KIND])
