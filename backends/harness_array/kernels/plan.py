"""Which networks have kernels, and as which parts they run: a product and all that follows it up to the next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from harness.builtin.losses import CrossEntropy
from harness.interfaces import (
    SHORTCUT,
    Activation,
    ActivationName,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
    Shape,
    chain_shapes,
)

ACTIVATION_CODES: dict[ActivationName, int] = {"relu": 1, "leaky_relu": 2, "gelu": 3, "silu": 4, "tanh": 5}
"""The numbers of `kernels.cu`; 0 is none."""
MOST_ELEMENTS = 1 << 30
"""Of a batch's matrix and of the parameters: the kernels' indices are of 32 bits."""
MOST_LAYERS = 1 << 10
"""In a row: by their position the masks of dropout are numbered."""
MOST_LEVELS = 3
"""Of layers within layers, for dropout: the numbers of its masks are of 32 bits."""


@dataclass(frozen=True)
class Stage:
    """A product, then batch norm, an activation and dropout, each where it is there; names are those of arrays."""

    input_shape: Shape
    shape: Shape
    """Of one row after it."""
    product: Linear | Conv2d | None = None
    name: str = ""
    norm: BatchNorm | None = None
    norm_name: str = ""
    activation: int = 0
    rate: float = 0.0
    dropout_number: int = 0
    filled: int = 0
    """How far it has got: 1 has its batch norm, 2 its activation, 3 its dropout."""

    @property
    def width(self) -> int:
        """Features, or channels of a pixel."""
        return self.shape[-1]

    @property
    def pixels(self) -> int:
        """Of an image, after the product; 1 of a vector."""
        return prod(self.shape[:-1])

    @property
    def biased(self) -> bool:
        """Whether a bias is added to the product."""
        return isinstance(self.product, Linear) or (isinstance(self.product, Conv2d) and self.product.bias)

    @property
    def plain(self) -> bool:
        """Whether it is the product alone."""
        return not (self.biased or self.norm or self.activation or self.rate)

    @property
    def patch(self) -> int:
        """Values in a patch of a convolution's input; 0 where its images are their patches, and of other products."""
        layer = self.product
        if not isinstance(layer, Conv2d) or (layer.kernel == layer.stride == 1 and not layer.padding):
            return 0
        return layer.kernel**2 * layer.inputs

    @property
    def learns(self) -> bool:
        """Whether it has parameters."""
        return self.product is not None or self.norm is not None

    @property
    def elements(self) -> int:
        """Of the largest matrix that it needs of a row."""
        return max(prod(self.input_shape), self.pixels * max(self.width, self.patch))

    def then(self, position: tuple[int, ...], layer: Layer) -> "Stage | None":
        """Return the stage with the next layer in it, None where no kernel has them in this order."""
        if type(layer) is BatchNorm and self.filled < 1:
            return replace(self, norm=layer, norm_name=_name(position), filled=1)
        if type(layer) is Activation and self.filled < 2:
            return replace(self, activation=ACTIVATION_CODES[layer.name], filled=2)
        if type(layer) is Dropout and self.filled < 3 and layer.rate < 1.0 and len(position) <= MOST_LEVELS:
            return replace(self, rate=layer.rate, dropout_number=_number(position), filled=3)
        return None


@dataclass(frozen=True)
class Pool:
    """The largest value, or the mean, of each window of an image."""

    input_shape: Shape
    shape: Shape
    window: tuple[int, int]
    """Lines and columns."""
    largest: bool
    learns = False

    @property
    def elements(self) -> int:
        """Of its input."""
        return prod(self.input_shape)


@dataclass(frozen=True)
class Branch:
    """x + F(x), or P(x) + F(x)."""

    input_shape: Shape
    shape: Shape
    parts: "tuple[Part, ...]"
    """F."""
    shortcut: Stage | None
    """P."""

    @property
    def learns(self) -> bool:
        """Whether a part of it has parameters."""
        return self.shortcut is not None or any(part.learns for part in self.parts)

    @property
    def elements(self) -> int:
        """Of the largest matrix that it needs of a row."""
        parts = self.parts if self.shortcut is None else (*self.parts, self.shortcut)
        return max([prod(self.shape), *(part.elements for part in parts)])


Part = Stage | Pool | Branch


def parts_of(layers: Sequence[Layer], input_shape: Shape, place: tuple[int, ...] = ()) -> tuple[Part, ...] | None:
    """Return the parts of a chain of layers, None where a layer has no kernel or they are too many.

    ``place`` is the position of the residual that they are in.

    >>> parts_of([Linear(4, 3), Activation("relu"), Linear(3, 2)], (4,))[0].activation
    1
    >>> [type(part).__name__ for part in parts_of([Conv2d(1, 2, 3), MaxPool2d(2), Activation("relu")], (4, 4, 1))]
    ['Stage', 'Pool', 'Stage']
    """
    parts: list[Part] = []
    shapes = chain_shapes(layers, input_shape)
    for index, layer in enumerate(layers):
        if type(layer) is Flatten or (type(layer) is Dropout and layer.rate == 0.0):
            continue  # the values of a row are one after another anyway
        position, shape = (*place, index), shapes[index]
        joined = None
        if parts and isinstance(parts[-1], Stage) and parts[-1].shape == shape:
            joined = parts[-1].then(position, layer)
        part = joined or _part(layer, position, shape, shapes[index + 1])
        if part is None or index >= MOST_LAYERS:
            return None
        if joined:
            parts.pop()
        parts.append(part)
    return tuple(parts)


def _part(layer: Layer, position: tuple[int, ...], before: Shape, after: Shape) -> Part | None:
    """Return the part that begins with a layer."""
    if isinstance(layer, Linear | Conv2d) and type(layer) in {Linear, Conv2d}:
        return Stage(before, after, layer, _name(position))
    if type(layer) is MaxPool2d or type(layer) is AveragePool2d:
        return Pool(before, after, (layer.size, layer.size), type(layer) is MaxPool2d)
    if type(layer) is GlobalAveragePool:
        return Pool(before, after, (before[0], before[1]), largest=False)
    if type(layer) is Residual:
        parts, shortcut = parts_of(layer.layers, before, position), None
        if projection := layer.shortcut(before):
            shortcut = Stage(before, after, projection, f"{_name(position)}.{SHORTCUT}")
        return None if parts is None else Branch(before, after, parts, shortcut)
    return Stage(before, after).then(position, layer)


def _name(position: tuple[int, ...]) -> str:
    return ".".join(map(str, position))


def _number(position: tuple[int, ...]) -> int:
    """Return a number of 32 bits for a layer, another for each: that within residuals has digits beyond the first.

    ``position`` has `MOST_LEVELS` indices at most, each below `MOST_LAYERS`.
    """
    return sum((index + (depth > 0)) * MOST_LAYERS**depth for depth, index in enumerate(position))


def patch_elements(parts: Sequence[Part]) -> int:
    """Return the elements of a row in the largest matrix of patches."""
    largest = 0
    for part in parts:
        if isinstance(part, Stage):
            largest = max(largest, part.pixels * part.patch)
        elif isinstance(part, Branch):
            largest = max(largest, patch_elements([*part.parts, *([part.shortcut] if part.shortcut else [])]))
    return largest


def normalises(parts: Sequence[Part]) -> bool:
    """Return whether a part has a batch norm, which needs two rows."""
    return any(normalises(part.parts) if isinstance(part, Branch) else getattr(part, "norm", None) for part in parts)


def network_parts(spec: NetworkSpec) -> tuple[tuple[Part, ...], Stage] | None:
    """Return a network's parts and its last linear layer, None where a layer has no kernel or the last is another."""
    parts = parts_of(spec.layers, spec.row_shape)
    if not parts or not isinstance(parts[-1], Stage) or type(parts[-1].product) is not Linear or parts[-1].filled:
        return None
    return parts[:-1], parts[-1]


def has_kernels(spec: NetworkSpec, features: Any) -> bool:
    """Return whether a training step has kernels up to its update; ``features`` is the dtype of the attached rows."""
    planned = network_parts(spec)
    if planned is None:
        return False
    parts, last = planned
    largest = max(spec.features, last.elements, *(part.elements for part in parts))
    return (
        max(spec.batch_size * largest, spec.parameter_count()) < MOST_ELEMENTS
        and (spec.loss is None or type(spec.loss) is CrossEntropy)
        and features in {np.dtype(np.uint8), np.dtype(np.float32)}
    )
