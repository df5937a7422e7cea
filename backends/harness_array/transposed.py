"""The gradient of a convolution by its input: a convolution of the gradient of its output."""

from typing import Protocol

from harness.interfaces import Array, Conv2d
from harness_array.patches import Patches
from harness_array.site import Site


class InputGradientWriter(Protocol):
    """Writes the gradient of the input, block by block."""

    def begin(self) -> None:
        """Take the weights as they are now."""
        ...

    def write(self, gradient: Array, x: Array) -> None:
        """Overwrite x (n, height, width, inputs) with its gradient, from that of y (n, lines, columns, outputs)."""
        ...


def input_gradient(layer: Conv2d, site: Site, rows: int) -> InputGradientWriter:
    """Return what writes it, ``rows`` images at a time."""
    return (Correlated if layer.stride == 1 else Scattered)(layer, site, rows)


class Correlated:
    """At a stride of 1: the patches of the gradient, its borders padded, times the weights turned by 180°."""

    def __init__(self, layer: Conv2d, site: Site, rows: int) -> None:
        lines, columns, outputs = layer.output_shape(site.input_shape)
        kernel, image = layer.kernel, (lines, columns, outputs)
        self._xp, self._weight = site.device.xp, site.parameters["weight"]
        self._patches = Patches(self._xp, rows, image, kernel, 1, kernel - 1 - layer.padding, site.dtype)
        self._turned = self._xp.empty((kernel, kernel, outputs, layer.inputs), dtype=site.dtype)

    def begin(self) -> None:
        """Turn the weights."""
        self._turned[...] = self._weight[::-1, ::-1].transpose(0, 1, 3, 2)

    def write(self, gradient: Array, x: Array) -> None:
        """Overwrite x with its gradient."""
        turned = self._turned.reshape(self._patches.size, -1)
        self._xp.matmul(self._patches.of(gradient), turned, out=x.reshape(-1, turned.shape[1]))


class Scattered:
    """At other strides: each patch's gradient is added where the patch was ("col2im")."""

    def __init__(self, layer: Conv2d, site: Site, rows: int) -> None:
        self._xp, self._layer = site.device.xp, layer
        height, width, channels = site.input_shape
        self._lines, self._columns, outputs = layer.output_shape(site.input_shape)
        padding = layer.padding
        self._weight = site.parameters["weight"].reshape(-1, outputs)
        patches = rows * self._lines * self._columns
        self._patch_gradients = self._xp.empty((patches, len(self._weight)), dtype=site.dtype)
        self._padded = self._xp.empty((rows, height + 2 * padding, width + 2 * padding, channels), dtype=site.dtype)
        self._inside = self._padded[:, padding : padding + height, padding : padding + width]

    def begin(self) -> None:
        """Do nothing: the weights are used where they are."""

    def write(self, gradient: Array, x: Array) -> None:
        """Overwrite x with its gradient."""
        rows, kernel, stride = len(x), self._layer.kernel, self._layer.stride
        count = rows * self._lines * self._columns
        flat = gradient.reshape(count, self._layer.outputs)
        patches = self._xp.matmul(flat, self._weight.T, out=self._patch_gradients[:count])
        patches = patches.reshape(rows, self._lines, self._columns, kernel, kernel, self._layer.inputs)
        padded = self._padded[:rows]
        padded[...] = 0.0
        for i in range(kernel):
            for j in range(kernel):
                lines = slice(i, i + stride * (self._lines - 1) + 1, stride)
                columns = slice(j, j + stride * (self._columns - 1) + 1, stride)
                target = padded[:, lines, columns]
                target += patches[:, :, :, i, j]
        x[...] = self._inside[:rows]
