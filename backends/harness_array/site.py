"""What the network's layers have in common: what they are built with, and what they do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from harness.interfaces import Array, NetworkSpec, Shape
from harness_array.devices import Device


@dataclass
class StepKey:
    """What keys the draws of a training step, in all layers of a network."""

    value: tuple[int, ...] = ()
    """(seed, epoch, step): set by the network before each step."""


@dataclass(frozen=True)
class Site:
    """Where a layer, or a chain of layers, is in a network, and its part of the network's arrays."""

    device: Device
    dtype: Any
    step: StepKey
    position: tuple[int, ...]
    """Its index in `NetworkSpec.layers`, then those within the layers around it."""
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
    frozen: bool = False
    """Whether the network is differentiated by its input alone, in evaluation mode: ``forward`` and ``backward`` are
    called as in training, but no gradient of a parameter is formed, statistics stay as they are, and nothing drops."""

    @property
    def needs_input_gradient(self) -> bool:
        """Whether ``backward`` forms the gradient of its input: in training, not of the images."""
        return self.frozen or self.position != (0,)

    def within(self, name: str, position: tuple[int, ...], input_shape: Shape) -> "Site":
        """Return the site of a layer within: its arrays are those whose names begin with ``name`` and a dot."""

        def own(arrays: Mapping[str, Array]) -> dict[str, Array]:
            begin = f"{name}."
            return {key.removeprefix(begin): value for key, value in arrays.items() if key.startswith(begin)}

        return replace(
            self,
            position=position,
            input_shape=input_shape,
            parameters=own(self.parameters),
            gradients=own(self.gradients),
            buffers=own(self.buffers),
        )


def network_site(
    device: Device,
    spec: NetworkSpec,
    dtype: Any,
    step: StepKey,
    rows: int,
    parameters: Array,
    gradients: Array,
    buffers: Mapping[str, Array],
) -> Site:
    """Return the site of a whole network, its arrays views into the flat vectors ``parameters`` and ``gradients``."""

    def views(vector: Array) -> dict[str, Array]:
        return {block.key: vector[block.start : block.stop].reshape(block.shape) for block in spec.parameters()}

    return Site(
        device=device,
        dtype=dtype,
        step=step,
        position=(),
        input_shape=spec.row_shape,
        training_rows=spec.batch_size,
        rows=rows,
        parameters=views(parameters),
        gradients=views(gradients),
        buffers=buffers,
    )


class ArrayLayer(Protocol):
    """A layer's arithmetic. ``backward`` may overwrite what ``forward`` returned or was given."""

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return the layer's output for x (rows, *input_shape); may overwrite x."""
        ...

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of the parameters; return that of x. May overwrite the gradient of the output."""
        ...
