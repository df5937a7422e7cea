"""What every backend does between logits and update: a batch's loss, clipping, a rule that needs the blocks.

Over any array namespace, so that a backend need not write it: `harness.stepwise` and the first-party ones call it too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from harness.builtin.losses import CrossEntropy
from harness.interfaces import Array, BlockOptimizer, NetworkSpec, Optimizer, Parameter, implements

_PLAIN = CrossEntropy()


def is_plain(spec: NetworkSpec) -> bool:
    """Return whether training minimises the cross-entropy without weights, for which backends have their own forms."""
    return spec.loss is None and spec.class_weights is None


def batch_loss(
    spec: NetworkSpec, xp: Any, logits: Array, labels: Array, class_weights: Array | None
) -> tuple[Array, Array]:
    """Return a batch's mean loss, 0-d, and the gradient (rows, classes) of its sum or mean, as ``spec`` says.

    ``class_weights`` (classes,): those of ``spec`` in the logits' namespace and dtype. A weighted mean is divided by
    the sum of the rows' weights, as torch's is; with ``gradient = "sum"`` the gradient is not divided.

    Raises:
        IndexError: a label of the host's is that of no class, as those of rows that training must not use are.
    """
    if isinstance(labels, np.ndarray) and len(labels) and not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        msg = f"label {wrong} is out of bounds for {logits.shape[1]} classes"
        raise IndexError(msg)
    losses, gradient = (spec.loss or _PLAIN)(xp, logits, labels, class_weights)
    total = logits.shape[0] if class_weights is None else xp.sum(xp.take(class_weights, labels, axis=0))
    return xp.sum(losses) / total, gradient / total if spec.gradient == "mean" else gradient


def clip_factor(xp: Any, squares: Array, clip_norm: float) -> Array:
    """Return what a gradient is multiplied by, at most 1; ``squares`` is the sum of its squares, 0-d.

    min(1, clip_norm / (norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_` has it.
    """
    factor = clip_norm / (xp.sqrt(squares) + 1e-6)
    return xp.where(factor < 1.0, factor, xp.ones_like(factor))


def by_block(function: Callable[..., Array], blocks: Sequence[Parameter], *vectors: Array) -> Array:
    """Return one vector (…, n) of what ``function(block, *parts)`` returns for each block, in their order.

    ``vectors`` (…, n): ``function`` is given the block's part of each, (…, stop - start), and returns one like them.
    """
    parts = [function(block, *(vector[..., block.start : block.stop] for vector in vectors)) for block in blocks]
    return array_namespace(vectors[0]).concat(parts, axis=-1)


@dataclass(frozen=True)
class ForBlocks:
    """A `BlockOptimizer` bound to a network's blocks: an `Optimizer` of the whole vector, not elementwise."""

    rule: BlockOptimizer
    blocks: tuple[Parameter, ...]

    def init(self, parameters: Array) -> dict[str, Array]:
        """Return the rule's state."""
        return self.rule.init(parameters)

    def update(
        self, parameters: Array, gradients: Array, state: dict[str, Array], learning_rate: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return the new parameters and state."""
        return self.rule.update_blocks(parameters, gradients, state, learning_rate, self.blocks)


def for_blocks(optimizer: Optimizer | BlockOptimizer, blocks: Sequence[Parameter]) -> Optimizer:
    """Return a rule as a backend is given it: a `BlockOptimizer` bound to the blocks, any other as it is."""
    if implements(optimizer, BlockOptimizer):
        return ForBlocks(optimizer, tuple(blocks))
    return optimizer
