"""Rules and a loss that no backend knows, so that each runs their pure forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from harness.builtin.losses import log_softmax, one_hot
from harness.descent import by_block
from harness.interfaces import Array, Parameter


@dataclass(frozen=True)
class Foreign:
    """A rule that no backend knows, so that each runs its generic form: a <- 0.9 a + g;  θ <- θ - η a / (1 + |a|)."""

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return an average of zeros."""
        return {"average": parameters * 0}

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and average."""
        average = 0.9 * state["average"] + gradients
        return parameters - learning_rate * average / (1 + abs(average)), {"average": average}


@dataclass(frozen=True)
class ForeignByBlocks:
    """A rule of blocks: a <- 0.9 a + g;  θ <- θ - η (0.1 + mean θ²) a, the mean over a block."""

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return an average of zeros."""
        return {"average": parameters * 0}

    def update_blocks(
        self,
        parameters: Array,
        gradients: Array,
        state: dict[str, Array],
        learning_rate: Any,
        blocks: Sequence[Parameter],
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and average."""
        xp = array_namespace(parameters)
        average = 0.9 * state["average"] + gradients

        def step(block: Parameter, own: Array, moved: Array) -> Array:
            squares = xp.sum(own * own, axis=-1, keepdims=True) / (block.stop - block.start)
            return (0.1 + squares) * moved

        return parameters - learning_rate * by_block(step, blocks, parameters, average), {"average": average}


@dataclass(frozen=True)
class ForeignLoss:
    """w (4 - (1 + p_y)²) / 2, which falls as p_y, the probability of the label, rises."""

    def __call__(self, xp: Any, logits: Array, labels: Array, class_weights: Array | None) -> tuple[Array, Array]:
        """Return each row's loss (rows,) and its gradient (rows, classes)."""
        p = xp.exp(log_softmax(xp, logits))
        hot = xp.where(one_hot(xp, labels, logits), xp.ones_like(p), xp.zeros_like(p))
        own = xp.sum(hot * p, axis=1, keepdims=True)
        weight = xp.ones_like(own) if class_weights is None else xp.take(class_weights, labels, axis=0)[:, None]
        losses = weight * (4.0 - (1.0 + own) * (1.0 + own)) / 2.0
        return losses[:, 0], weight * (1.0 + own) * own * (p - hot)
