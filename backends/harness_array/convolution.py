"""Convolution by matrix products, block by block."""

from functools import partial

from harness.interfaces import Array, Conv2d
from harness_array.blocks import ChannelVector, block_rows, blocks
from harness_array.patches import Patches
from harness_array.site import Site
from harness_array.transposed import InputGradientWriter, input_gradient


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
        self._crew = site.device.crew
        self._patches = [
            Patches(xp, self._block, image, layer.kernel, layer.stride, layer.padding, site.dtype)
            for _ in range(site.device.crew.size)
        ]
        self._out = xp.empty((site.rows, *shape), dtype=site.dtype)
        self._line = ChannelVector(site, columns, outputs)
        self._ones = xp.ones(self._block * lines * columns, dtype=site.dtype)
        # A thread alone adds each block's part at once; of several, the parts are kept, and added in the same order.
        kept = 1 if site.device.crew.size == 1 else len(blocks(site.training_rows, self._block))
        kept = 0 if site.frozen else kept
        self._weight_parts = xp.empty((kept, *self._weight.shape), dtype=site.dtype)
        self._bias_parts = xp.empty((kept, outputs), dtype=site.dtype)
        self._x: Array = None
        self._learns = not site.frozen
        self._input_gradients: list[InputGradientWriter] = []
        self._writers = partial(input_gradient, layer, site, self._block) if site.needs_input_gradient else None

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return y (rows, lines, columns, outputs) of x (rows, height, width, inputs), kept for the backward pass."""
        if training:
            self._x = x
        y = self._out[: len(x)]
        line = None if self._bias is None else self._line.of(self._bias)

        def convolve(member: int, _index: int, part: slice) -> None:
            block = y[part].reshape(-1, self._weight.shape[1])
            self._xp.matmul(self._patches[member].of(x[part]), self._weight, out=block)
            if line is not None:
                whole_lines = block.reshape(-1, len(line))
                whole_lines += line

        self._crew.each(convolve, blocks(len(x), self._block))
        return y

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of W and b; return that of x, in x's place."""
        x, parts = self._x, blocks(len(self._x), self._block)
        if self._writers and not self._input_gradients:  # large on a device, where kernels train in place of this
            self._input_gradients = [self._writers() for _ in range(self._crew.size)]
        for writer in self._input_gradients:
            writer.begin()

        def differentiate(member: int, index: int, part: slice) -> None:
            block = gradient[part].reshape(-1, self._weight.shape[1])
            if self._learns:
                patches = self._patches[member].of(x[part])
                self._multiply(index, patches.T, block, self._weight_gradient, self._weight_parts)
            if self._learns and self._bias is not None:
                self._multiply(index, self._ones[: len(block)], block, self._bias_gradient, self._bias_parts)
            if self._input_gradients:
                self._input_gradients[member].write(gradient[part], x[part])

        self._crew.each(differentiate, parts)
        if self._learns and self._crew.size > 1:
            for index in range(1, len(parts)):
                self._weight_gradient += self._weight_parts[index]
                if self._bias is not None:
                    self._bias_gradient += self._bias_parts[index]
        return x

    def _multiply(self, index: int, left: Array, right: Array, total: Array, parts: Array) -> None:
        """Write a block's product where the sum is, if it is the first; else add it, or keep it to be added."""
        if index == 0:
            self._xp.matmul(left, right, out=total)
        elif self._crew.size > 1:
            self._xp.matmul(left, right, out=parts[index])
        else:
            total += self._xp.matmul(left, right, out=parts[0])
