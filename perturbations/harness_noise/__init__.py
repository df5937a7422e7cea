"""Gaussian noise: perturbation ``gaussian_noise``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Perturb


@hookimpl
def register_perturbations(register: Callable[[str, Perturb | str], None]) -> None:
    """Offer gaussian_noise, imported when first asked for."""
    register("gaussian_noise", "harness_noise.gaussian:gaussian_noise")
