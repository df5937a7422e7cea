"""Corruptions of images, in the manner of Hendrycks & Dietterich (2019): perturbations of the suite ``corruptions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Perturb

_MODULES = {
    "noise": ("shot_noise", "impulse_noise", "speckle_noise"),
    "blur": ("gaussian_blur", "defocus_blur", "motion_blur"),
    "light": ("brightness", "contrast", "gamma", "inversion"),
    "spatial": ("rotation", "translation", "scale", "shear"),
    "elastic": ("elastic",),
    "digital": ("pixelate", "jpeg"),
    "occlusion": ("occlusion", "stripes", "fog"),
}
"""The names of each module."""


@hookimpl
def register_perturbations(register: Callable[[str, Perturb | str], None]) -> None:
    """Offer the corruptions, imported when first asked for."""
    for module, names in _MODULES.items():
        for name in names:
            register(name, f"harness_corruptions.{module}:{name}")
