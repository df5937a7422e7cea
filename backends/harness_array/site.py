"""What the network's layers have in common: what they are built with, and what they do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.interfaces import Array, Shape
from harness_array.devices import Device


@dataclass(frozen=True)
class Site:
    """Where a layer is in a network, and its part of the network's arrays."""

    device: Device
    dtype: Any
    position: int
    """Its index in `NetworkSpec.layers`; with the seed, epoch and step it keys a dropout mask."""
    input_shape: Shape
    """Of one row."""
    training_rows: int
    """Rows in a batch of training, at most."""
    rows: int
    """Rows in a batch of training or prediction, at most."""
    parameters: Mapping[str, Array]
    """Views into the flat vector of parameters, by their names in `Layer.parameters`."""
    gradients: Mapping[str, Array]
    """Views into the flat vector of gradients, by the same names."""
    buffers: Mapping[str, Array]
    """Arrays by their names in `Layer.buffers`."""


class ArrayLayer(Protocol):
    """A layer's arithmetic. ``backward`` may overwrite what ``forward`` returned or was given."""

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return the layer's output for x (rows, *input_shape); may overwrite x."""
        ...

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of the parameters; return that of x. May overwrite the gradient of the output."""
        ...
