"""A block of layers with a shortcut around it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.interfaces.chain import chain_buffers, chain_parameters, chain_shapes, chain_weights
from harness.interfaces.layers import Layer, Linear, Shape
from harness.interfaces.spatial import Conv2d

SHORTCUT = "shortcut"
"""Before the names of the projection's arrays: ``"shortcut.weight"``."""


@dataclass(frozen=True)
class Residual(Layer):
    """x + F(x), F the ``layers`` one after another (He et al., 2016).

    Where F changes the shape, the shortcut is a learned projection: a 1 × 1 convolution of images, without bias, whose
    stride makes their size that of F(x); a linear layer of vectors. Arrays of F are named ``"<position>.weight"``, the
    projection's ``"shortcut.weight"``. A backend that has `Residual` has `Conv2d` and `Linear` too.

    Raises:
        ValueError: there are no layers.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        """Refuse a block without layers."""
        if not self.layers:
            raise ValueError("Residual: needs at least one layer")

    def shortcut(self, input_shape: Shape) -> Conv2d | Linear | None:
        """Return the projection that the shortcut is; None where it is the identity.

        Raises:
            ValueError: the layers do not fit, or no projection of the input has the shape of their output.
        """
        try:
            shape = chain_shapes(self.layers, input_shape)[-1]
        except ValueError as error:
            msg = f"Residual: {error}"
            raise ValueError(msg) from None
        if shape == input_shape:
            return None
        if len(shape) == len(input_shape) == 1:
            return Linear(*input_shape, *shape)
        if len(shape) == len(input_shape) == 3:
            for stride in range(1, max(input_shape[:2]) + 1):
                projection = Conv2d(input_shape[-1], shape[-1], kernel=1, stride=stride, bias=False)
                if projection.output_shape(input_shape) == shape:
                    return projection
        msg = f"Residual: no shortcut leads from its input {input_shape} to the shape of its layers' output {shape}"
        raise ValueError(msg)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return that of the layers."""
        self.shortcut(input_shape)
        return chain_shapes(self.layers, input_shape)[-1]

    def parameters(self, input_shape: Shape) -> dict[str, Shape]:
        """Return those of the layers, then those of the projection."""
        projection = self.shortcut(input_shape)
        own = projection.parameters(input_shape) if projection else {}
        return chain_parameters(self.layers, input_shape) | {f"{SHORTCUT}.{name}": own[name] for name in own}

    def weights(self) -> frozenset[str]:
        """Return the names of the layers' weights, and of the projection's."""
        return chain_weights(self.layers) | {f"{SHORTCUT}.weight"}

    def buffers(self, input_shape: Shape) -> dict[str, Shape]:
        """Return those of the layers."""
        return chain_buffers(self.layers, input_shape)

    def initial(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Return those of the layers, drawn one after another, and of the projection."""
        shapes = chain_shapes(self.layers, input_shape)[:-1]
        named: list[tuple[str, Layer, Shape]] = [
            (str(index), layer, shape) for index, (layer, shape) in enumerate(zip(self.layers, shapes, strict=True))
        ]
        if projection := self.shortcut(input_shape):
            named.append((SHORTCUT, projection, input_shape))
        return {
            f"{place}.{name}": value
            for place, layer, shape in named
            for name, value in layer.initial(shape, rng).items()
        }

    def products(self, rows: int, input_shape: Shape) -> list[tuple[int, int, int]]:
        """Return those of the layers and of the projection."""
        shapes = chain_shapes(self.layers, input_shape)[:-1]
        pairs = zip(self.layers, shapes, strict=True)
        within = [product for layer, shape in pairs for product in layer.products(rows, shape)]
        projection = self.shortcut(input_shape)
        return within + (projection.products(rows, input_shape) if projection else [])

    def inner(self) -> tuple[Layer, ...]:
        """Return the layers."""
        return self.layers
