"""LAMB, an optimizer that works layer by layer: a rule that is given the blocks of the parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

import harness
from harness.descent import by_block
from harness.interfaces import Array, BlockOptimizer, Optimizer, Parameter
from harness.optimizers import Adam


@dataclass(frozen=True)
class Lamb:
    """LAMB (You et al., 2020, algorithm 2), φ the identity.

    r <- m̂ / (√v̂ + ε), as in Adam;  u <- r + λ θ;  θ <- θ - η ‖θ‖ / ‖u‖ u, for each array of weights. Biases and batch
    norms take Adam's step, without λ and without the norms, as in the authors' code; so do weights where a norm is 0.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-6
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        Adam(self.betas, self.eps)  # refuses its own
        if not self.weight_decay >= 0:
            msg = f"weight_decay: {self.weight_decay} is negative"
            raise ValueError(msg)

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return Adam's moments of zeros and the step count 0."""
        return Adam(self.betas, self.eps).init(parameters)

    def update_blocks(
        self,
        parameters: Array,
        gradients: Array,
        state: dict[str, Array],
        learning_rate: Any,
        blocks: Sequence[Parameter],
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and moments."""
        xp = array_namespace(parameters)
        # From 0, at a rate of 1, Adam arrives at -r.
        arrived, moments = Adam(self.betas, self.eps).update(parameters * 0, gradients, state, 1.0)

        def norm(part: Array) -> Array:
            return xp.sqrt(xp.sum(part * part, axis=-1, keepdims=True))

        def step(block: Parameter, own: Array, r: Array) -> Array:
            if not block.is_weight:
                return r
            u = r + self.weight_decay * own
            size, length = norm(own), norm(u)
            ones = xp.ones_like(length)
            usable = (size > 0) & (length > 0)
            return xp.where(usable, size / xp.where(usable, length, ones), ones) * u

        return parameters - learning_rate * by_block(step, blocks, parameters, -arrived), moments


@harness.hookimpl
def register_optimizers(register: Callable[[str, Callable[..., Optimizer | BlockOptimizer] | str], None]) -> None:
    """Offer lamb."""
    register("lamb", Lamb)
