"""What is added to gradients beside those of the loss."""

from collections.abc import Sequence
from typing import Any

from harness.interfaces import Array, NetworkSpec, Parameter


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
