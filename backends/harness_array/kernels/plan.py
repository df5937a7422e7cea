"""Which networks have kernels, and as which stages they run: a linear layer and all that follows it up to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.builtin.losses import CrossEntropy
from harness.interfaces import Activation, ActivationName, BatchNorm, Dropout, Flatten, Layer, Linear, NetworkSpec

ACTIVATION_CODES: dict[ActivationName, int] = {"relu": 1, "leaky_relu": 2, "gelu": 3, "silu": 4, "tanh": 5}
"""The numbers of `kernels.cu`; 0 is none."""


MOST_ELEMENTS = 1 << 30
"""Of a batch's matrix and of the parameters: the kernels' indices are of 32 bits."""


@dataclass(frozen=True)
class Stage:
    """x W + b, then batch norm, an activation and dropout, each where it is there; positions are those of layers."""

    position: int
    inputs: int
    outputs: int
    norm: BatchNorm | None = None
    norm_position: int = 0
    activation: int = 0
    rate: float = 0.0
    dropout_position: int = 0
    filled: int = 0
    """How far it has got: 1 has its batch norm, 2 its activation, 3 its dropout."""

    def then(self, position: int, layer: Layer) -> "Stage | None":
        """Return the stage with the next layer in it, None where no kernel has them in this order."""
        if type(layer) is BatchNorm and self.filled < 1:
            return replace(self, norm=layer, norm_position=position, filled=1)
        if type(layer) is Activation and self.filled < 2:
            return replace(self, activation=ACTIVATION_CODES[layer.name], filled=2)
        if type(layer) is Dropout and self.filled < 3 and layer.rate < 1.0:
            return replace(self, rate=layer.rate, dropout_position=position, filled=3)
        return None


def stages_of(layers: Sequence[Layer]) -> tuple[Stage, ...] | None:
    """Return the stages of a network, the last a linear layer alone, or None where a layer has no kernel.

    >>> stages_of([Linear(4, 3), Activation("relu"), Linear(3, 2)])[0].activation
    1
    >>> stages_of([Activation("relu"), Linear(3, 2)]) is None
    True
    """
    stages: list[Stage] = []
    for position, layer in enumerate(layers):
        if type(layer) is Linear:
            stages.append(Stage(position, layer.inputs, layer.outputs))
        elif stages:
            stage = stages[-1].then(position, layer)
            if stage is None:
                return None
            stages[-1] = stage
        elif type(layer) is not Flatten:  # rows are flat anyway
            return None
    return tuple(stages) if stages and stages[-1].filled == 0 else None


def has_kernels(spec: NetworkSpec, features: Any) -> bool:
    """Return whether a training step has kernels up to its update; ``features`` is the dtype of the attached rows."""
    stages = stages_of(spec.layers)
    if stages is None:
        return False
    widest = max(spec.features, *(stage.outputs for stage in stages))
    return (
        max(spec.batch_size * widest, spec.parameter_count()) < MOST_ELEMENTS
        and (spec.loss is None or type(spec.loss) is CrossEntropy)
        and features in {np.dtype(np.uint8), np.dtype(np.float32)}
    )
