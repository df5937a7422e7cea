"""Lion, an optimizer of three lines: one file, as short as a plugin can be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

import harness
from harness.interfaces import Array, Optimizer


@dataclass(frozen=True)
class Lion:
    """Lion, evolved sign momentum (Chen et al., 2023, algorithm 2), with decoupled weight decay λ.

    u <- sign(β₁ m + (1 - β₁) g);  θ <- θ - η (u + λ θ);  m <- β₂ m + (1 - β₂) g
    """

    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if not all(0 <= beta < 1 for beta in self.betas):
            msg = f"betas: {self.betas} are not in [0, 1)"
            raise ValueError(msg)
        if not self.weight_decay >= 0:
            msg = f"weight_decay: {self.weight_decay} is negative"
            raise ValueError(msg)

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return a momentum of zeros."""
        return {"m": array_namespace(parameters).zeros_like(parameters)}

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and momentum."""
        beta1, beta2 = self.betas
        direction = array_namespace(parameters).sign(beta1 * state["m"] + (1 - beta1) * gradients)
        updated = parameters - learning_rate * (direction + self.weight_decay * parameters)
        return updated, {"m": beta2 * state["m"] + (1 - beta2) * gradients}


@harness.hookimpl
def register_optimizers(register: Callable[[str, Callable[..., Optimizer] | str], None]) -> None:
    """Offer lion."""
    register("lion", Lion)
