"""Layers one after another: their shapes and arrays, by position."""

from collections.abc import Sequence
from contextlib import suppress
from math import prod

from harness.interfaces.layers import Layer, Shape


def chain_shapes(layers: Sequence[Layer], input_shape: Shape) -> tuple[Shape, ...]:
    """Return the shape of one row at each layer's input, and after the last: a layer more than there are.

    Raises:
        ValueError: a layer does not take what comes before it; the message names its position.
    """
    shapes = [input_shape]
    for index, layer in enumerate(layers):
        try:
            shapes.append(layer.output_shape(shapes[-1]))
        except ValueError as error:
            msg = f"layer {index}: {error}"
            raise ValueError(msg) from None
    return tuple(shapes)


def chain_parameters(layers: Sequence[Layer], input_shape: Shape) -> dict[str, Shape]:
    """Return the shapes of what is learned, by position and name: ``"0.weight"``; raises as `chain_shapes`."""
    return {
        f"{index}.{name}": shape
        for index, (layer, before) in enumerate(zip(layers, chain_shapes(layers, input_shape)[:-1], strict=True))
        for name, shape in layer.parameters(before).items()
    }


def chain_weights(layers: Sequence[Layer]) -> frozenset[str]:
    """Return which of the parameters are weights."""
    return frozenset(f"{index}.{name}" for index, layer in enumerate(layers) for name in layer.weights())


def chain_buffers(layers: Sequence[Layer], input_shape: Shape) -> dict[str, Shape]:
    """Return the shapes of running statistics, by position and name; raises as `chain_shapes`."""
    return {
        f"{index}.{name}": shape
        for index, (layer, before) in enumerate(zip(layers, chain_shapes(layers, input_shape)[:-1], strict=True))
        for name, shape in layer.buffers(before).items()
    }


def chain_values(layers: Sequence[Layer], input_shape: Shape) -> int:
    """Return how many values one row has in all: at the input, after each layer, and after each layer within one.

    Layers within one count as a chain from its input; where they are none, they are left out. Raises as `chain_shapes`.
    """
    shapes = chain_shapes(layers, input_shape)
    values = sum(map(prod, shapes))
    for layer, before in zip(layers, shapes[:-1], strict=True):
        with suppress(ValueError):
            values += chain_values(layer.inner(), before) - prod(before)
    return values
