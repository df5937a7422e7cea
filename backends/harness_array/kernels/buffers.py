"""The fixed memory of a training step: a captured graph has its addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.interfaces import Array, NetworkSpec
from harness_array.updates import AdamUpdate, SGDUpdate

PARTS = 128
"""Blocks that add up the squares of the gradient."""
CONTROL = np.dtype(
    [
        ("step", np.int64),
        ("epoch_step", np.int64),
        ("correct", np.int64),
        ("learning_rate", np.float64),
        ("rate", np.float64),
        ("eps", np.float64),
        ("decay", np.float64),
        ("clip", np.float64),
        ("key", np.uint32, 2),
        ("spare", np.uint64),
    ]
)
"""`struct Control` of `kernels.cu`."""


@dataclass(frozen=True)
class Learned:
    """A network's own arrays, which its other methods use too: they stay where they are for its life."""

    spec: NetworkSpec
    dtype: Any
    parameters: Array
    """(n,), flat; so are the gradients."""
    gradients: Array
    parameter_views: Mapping[str, Array]
    """Views into ``parameters`` by their keys in a `State`, weights, biases and all."""
    gradient_views: Mapping[str, Array]
    """Views into ``gradients`` by the same keys."""
    running: Mapping[str, Array]
    """The running statistics of batch norm by their keys in a `State`."""
    update: SGDUpdate | AdamUpdate


class StepBuffers:
    """What a step keeps beside what its layers do; rows are those of a full batch."""

    def __init__(self, xp: Any, learned: Learned) -> None:
        spec, dtype = learned.spec, learned.dtype
        rows = spec.batch_size
        self.x = xp.empty((rows, spec.features), dtype=dtype)
        self.labels, self.right = (xp.empty(rows, dtype=np.int32) for _ in range(2))
        self.row_loss = xp.empty(rows, dtype=np.float64)
        self.partial = xp.empty(PARTS, dtype=np.float64)
        self.control = xp.empty(CONTROL.itemsize, dtype=np.uint8)
        self.class_weights = xp.ones(spec.classes, dtype=dtype)
        if spec.class_weights is not None:
            self.class_weights.set(np.array(spec.class_weights, dtype=dtype))
        self.is_weight = xp.zeros(spec.parameter_count(), dtype=np.uint8)
        for block in spec.parameters():
            if block.is_weight:
                self.is_weight[block.start : block.stop] = 1


class EpochBuffers:
    """What an epoch needs: the order and the labels of its rows, and each step's loss."""

    def __init__(self, xp: Any, rows: int, steps: int) -> None:
        self.rows, self.steps = rows, steps
        self.order, self.labels = (xp.empty(rows, dtype=np.int64) for _ in range(2))
        self.losses = xp.empty(steps, dtype=np.float64)
