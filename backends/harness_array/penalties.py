"""What happens to gradients between the loss and the update rule."""

from collections.abc import Sequence
from typing import Any

from harness.descent import clip_factor
from harness.interfaces import Array, NetworkSpec, Parameter


def clip(xp: Any, spec: NetworkSpec, gradients: Array) -> None:
    """Shorten the gradient (n,) of all parameters to `NetworkSpec.clip_norm`, where there is one and it is longer."""
    if spec.clip_norm is not None:
        gradients *= clip_factor(xp, xp.matmul(gradients, gradients), spec.clip_norm)


def add_penalties(
    xp: Any, spec: NetworkSpec, blocks: Sequence[Parameter], parameters: Array, gradients: Array, scratch: Array
) -> None:
    """Add l2 · W to the weights' gradients and weight_decay · θ to all; ``scratch`` is overwritten."""
    if spec.weight_decay:
        gradients += xp.multiply(parameters, spec.weight_decay, out=scratch)
    for block in blocks if spec.l2 else ():
        if block.is_weight:
            part = slice(block.start, block.stop)
            gradients[part] += xp.multiply(parameters[part], spec.l2, out=scratch[part])
