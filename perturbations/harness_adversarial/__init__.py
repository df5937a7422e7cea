"""Attacks on the network that is tested: perturbations ``fgsm`` and ``pgd``, in L∞."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Perturb


@hookimpl
def register_perturbations(register: Callable[[str, Perturb | str], None]) -> None:
    """Offer the attacks, imported when first asked for."""
    register("fgsm", "harness_adversarial.fgsm:fgsm")
    register("pgd", "harness_adversarial.pgd:pgd")
