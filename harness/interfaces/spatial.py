"""Layers of images (height, width, channels): convolution, pooling, and what makes a vector of an image."""
# ruff: noqa: ARG002 - every method is given what some layer needs

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from harness.interfaces.layers import Layer, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """The values of a row as a vector, in the order of memory: line by line, pixel by pixel, channel by channel."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (features,)."""
        return (prod(input_shape),)


@dataclass(frozen=True)
class Conv2d(Layer):
    """Cross-correlation of an image with square kernels, W (kernel, kernel, inputs, outputs), and b.

    y[i, j, o] = b[o] + Σ W[k, l, c, o] x[i · stride + k - padding, j · stride + l - padding, c], x = 0 outside the
    image. W starts from N(0, 2 / (kernel² · inputs)) (He et al., 2015), b from 0; ``bias = False`` leaves b out.

    Raises:
        ValueError: a number is too small, or the padding not smaller than the kernel.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers that describe no convolution."""
        if min(self.inputs, self.outputs, self.kernel, self.stride) < 1 or self.padding < 0:
            msg = f"{self}: inputs, outputs, kernel and stride must be 1 at least, padding 0"
            raise ValueError(msg)
        if self.padding >= self.kernel:
            msg = f"{self}: padding must be less than the kernel's {self.kernel}"
            raise ValueError(msg)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (⌊(height + 2 padding - kernel) / stride⌋ + 1, the same of the width, outputs)."""
        height, width, channels = _image(self, input_shape)
        if channels != self.inputs:
            msg = f"{self}: takes images of {self.inputs} channels, not {channels} ({input_shape})"
            raise ValueError(msg)
        _require_room(self, self.kernel, input_shape, self.padding)
        lines, columns = ((size + 2 * self.padding - self.kernel) // self.stride + 1 for size in (height, width))
        return (lines, columns, self.outputs)

    def parameters(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W (kernel, kernel, inputs, outputs) and b (outputs,)."""
        weight = {"weight": (self.kernel, self.kernel, self.inputs, self.outputs)}
        return weight | ({"bias": (self.outputs,)} if self.bias else {})

    def weights(self) -> frozenset[str]:
        """Return W's name."""
        return frozenset({"weight"})

    def initial(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Return W, drawn in float64 and rounded, and b."""
        shape = (self.kernel, self.kernel, self.inputs, self.outputs)
        weight = rng.standard_normal(shape) * np.sqrt(2.0 / prod(shape[:3]))
        bias = {"bias": np.zeros(self.outputs, dtype=np.float32)} if self.bias else {}
        return {"weight": weight.astype(np.float32)} | bias

    def products(self, rows: int, input_shape: Shape) -> list[tuple[int, int, int]]:
        """Return that of the patches (rows · height · width, kernel² · inputs) with W."""
        height, width, _ = self.output_shape(input_shape)
        return [(rows * height * width, self.kernel**2 * self.inputs, self.outputs)]


@dataclass(frozen=True)
class _Pool(Layer):
    size: int

    def __post_init__(self) -> None:
        """Refuse windows without a pixel."""
        if self.size < 1:
            msg = f"{self}: size must be 1 at least"
            raise ValueError(msg)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (⌊height / size⌋, ⌊width / size⌋, channels)."""
        height, width, channels = _image(self, input_shape)
        _require_room(self, self.size, input_shape)
        return (height // self.size, width // self.size, channels)


@dataclass(frozen=True)
class MaxPool2d(_Pool):
    """The largest value in each window of size × size pixels, side by side; lines and columns left over are ignored.

    The gradient goes to the first of equal values, line by line.
    """


@dataclass(frozen=True)
class AveragePool2d(_Pool):
    """The mean of each window of size × size pixels, side by side; lines and columns left over are ignored."""


@dataclass(frozen=True)
class GlobalAveragePool(Layer):
    """The mean of each channel over the image: (height, width, channels) to (channels,)."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (channels,)."""
        return _image(self, input_shape)[-1:]


def _image(layer: Layer, input_shape: Shape) -> tuple[int, int, int]:
    if len(input_shape) != 3:
        msg = f"{layer}: takes images (height, width, channels), not rows of shape {input_shape}"
        raise ValueError(msg)
    height, width, channels = input_shape
    return height, width, channels


def _require_room(layer: Layer, size: int, input_shape: Shape, padding: int = 0) -> None:
    """Refuse a window that is larger than the image with its padding."""
    if size > min(input_shape[:2]) + 2 * padding:
        padded = f" with padding {padding}" if padding else ""
        msg = f"{layer}: {size} × {size} is larger than its input, {input_shape[0]} × {input_shape[1]}{padded}"
        raise ValueError(msg)
