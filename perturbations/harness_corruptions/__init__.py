"""Corruptions of images: perturbations ``rotation`` and ``translation``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Perturb


@hookimpl
def register_perturbations(register: Callable[[str, Perturb | str], None]) -> None:
    """Offer the corruptions, imported when first asked for."""
    register("rotation", "harness_corruptions.spatial:rotation")
    register("translation", "harness_corruptions.spatial:translation")
