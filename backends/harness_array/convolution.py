"""Convolution by matrix products, block by block."""

from harness.interfaces import Array, Conv2d
from harness_array.blocks import ChannelVector, block_rows, blocks
from harness_array.patches import Patches
from harness_array.site import Site
from harness_array.transposed import input_gradient


class ConvolutionLayer:
    """y = patches(x) W + b."""

    def __init__(self, layer: Conv2d, site: Site) -> None:
        self._xp = xp = site.device.xp
        height, width, channels = site.input_shape
        shape = lines, columns, outputs = layer.output_shape(site.input_shape)
        taps = layer.kernel**2
        self._weight = site.parameters["weight"].reshape(taps * channels, outputs)
        self._weight_gradient = site.gradients["weight"].reshape(taps * channels, outputs)
        self._bias, self._bias_gradient = site.parameters.get("bias"), site.gradients.get("bias")
        self._block = block_rows(site, (lines * columns, taps * channels), (height * width, taps * outputs))
        image = (height, width, channels)
        self._patches = Patches(xp, self._block, image, layer.kernel, layer.stride, layer.padding, site.dtype)
        self._out = xp.empty((site.rows, *shape), dtype=site.dtype)
        self._line = ChannelVector(site, columns, outputs)
        self._ones = xp.ones(self._block * lines * columns, dtype=site.dtype)
        self._weight_part = xp.empty_like(self._weight)
        self._bias_part = xp.empty(outputs, dtype=site.dtype)
        self._x: Array = None
        self._learns = not site.frozen
        self._input_gradient = input_gradient(layer, site, self._block) if site.needs_input_gradient else None

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return y (rows, lines, columns, outputs) of x (rows, height, width, inputs), kept for the backward pass."""
        if training:
            self._x = x
        y = self._out[: len(x)]
        line = None if self._bias is None else self._line.of(self._bias)
        for part in blocks(len(x), self._block):
            block = y[part].reshape(-1, self._weight.shape[1])
            self._xp.matmul(self._patches.of(x[part]), self._weight, out=block)
            if line is not None:
                whole_lines = block.reshape(-1, len(line))
                whole_lines += line
        return y

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of W and b; return that of x, in x's place."""
        x = self._x
        if self._input_gradient:
            self._input_gradient.begin()
        for part in blocks(len(x), self._block):
            block = gradient[part].reshape(-1, self._weight.shape[1])
            if self._learns:
                self._add(part.start, self._patches.of(x[part]).T, block, self._weight_gradient, self._weight_part)
            if self._learns and self._bias is not None:
                self._add(part.start, self._ones[: len(block)], block, self._bias_gradient, self._bias_part)
            if self._input_gradient:
                self._input_gradient.write(gradient[part], x[part])
        return x

    def _add(self, start: int, left: Array, right: Array, total: Array, part: Array) -> None:
        """Add a product to a sum, which it begins where ``start`` is 0."""
        if start == 0:
            self._xp.matmul(left, right, out=total)
        else:
            total += self._xp.matmul(left, right, out=part)
