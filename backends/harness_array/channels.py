"""Batch normalisation of images' channels, block by block."""

from harness.interfaces import Array, BatchNorm
from harness_array.blocks import ChannelVector, block_rows, blocks
from harness_array.layers import require_rows
from harness_array.site import Site


class ChannelNormLayer:
    """y = γ x̂ + β, x̂ = (x - mean) / √(variance + eps), over the rows and pixels of a batch."""

    def __init__(self, layer: BatchNorm, site: Site) -> None:
        self._xp = xp = site.device.xp
        self._layer = layer
        height, width, channels = site.input_shape
        self._pixels = height * width
        self._gamma, self._beta = site.parameters["weight"], site.parameters["bias"]
        self._gamma_gradient, self._beta_gradient = site.gradients["weight"], site.gradients["bias"]
        self._running_mean, self._running_var = site.buffers["running_mean"], site.buffers["running_var"]
        self._block = block_rows(site, site.input_shape)
        self._normalised = xp.empty((site.training_rows, *site.input_shape), dtype=site.dtype)
        self._products = xp.empty((self._block, *site.input_shape), dtype=site.dtype)
        self._ones = xp.ones(self._block * self._pixels, dtype=site.dtype)
        self._first, self._second, self._third = (ChannelVector(site, width, channels) for _ in range(3))
        self._inverse: Array = None  # 1 / √(variance + eps) of the batch, (channels,)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Overwrite x (rows, height, width, channels) with y; in training, move the running statistics."""
        xp, eps = self._xp, self._layer.eps
        if not training:
            scale = self._gamma / xp.sqrt(self._running_var + eps)
            self._scaled(x, x, scale, self._beta - self._running_mean * scale)
            return x
        require_rows(len(x))
        count = len(x) * self._pixels
        mean = sum(self._summed(x[part]) for part in blocks(len(x), self._block)) / count
        line, squares = self._first.of(mean), 0.0
        for part in blocks(len(x), self._block):
            block = _lines(x[part], line)
            block -= line
            squares = squares + self._summed(x[part], x[part])
        variance = squares / count
        self._move(self._running_mean, mean)
        self._move(self._running_var, variance * (count / (count - 1)))
        self._inverse = 1.0 / xp.sqrt(variance + eps)
        inverse, gamma, beta = (
            vector.of(value)
            for vector, value in zip(
                (self._first, self._second, self._third), (self._inverse, self._gamma, self._beta), strict=True
            )
        )
        for part in blocks(len(x), self._block):
            block, normalised = _lines(x[part], line), _lines(self._normalised[part], line)
            xp.multiply(block, inverse, out=normalised)
            xp.multiply(normalised, gamma, out=block)
            block += beta
        return x

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of γ and β; overwrite that of y with that of x, and return it, as `BatchNormLayer`."""
        count = len(gradient) * self._pixels
        beta, gamma = 0.0, 0.0
        for part in blocks(len(gradient), self._block):
            beta = beta + self._summed(gradient[part])
            gamma = gamma + self._summed(gradient[part], self._normalised[part])
        self._beta_gradient[...] = beta
        self._gamma_gradient[...] = gamma
        along, shift = self._first.of(self._gamma_gradient / count), self._second.of(self._beta_gradient / count)
        scale = self._third.of(self._gamma * self._inverse)
        for part in blocks(len(gradient), self._block):
            block, normalised = _lines(gradient[part], along), _lines(self._normalised[part], along)
            normalised *= along
            block -= normalised
            block -= shift
            block *= scale
        return gradient

    def _scaled(self, x: Array, out: Array, scale: Array, shift: Array) -> None:
        """Write x · scale + shift, both (channels,)."""
        factors, terms = self._first.of(scale), self._second.of(shift)
        for part in blocks(len(x), self._block):
            block = self._xp.multiply(_lines(x[part], factors), factors, out=_lines(out[part], factors))
            block += terms

    def _summed(self, values: Array, times: Array = None) -> Array:
        """Return the sums (channels,) of a block's values, or of their products with others."""
        if times is not None:
            values = self._xp.multiply(values, times, out=self._products[: len(values)])
        pixels = values.reshape(-1, values.shape[-1])
        return self._xp.matmul(self._ones[: len(pixels)], pixels)

    def _move(self, running: Array, batch: Array) -> None:
        running *= 1.0 - self._layer.momentum
        running += self._layer.momentum * batch


def _lines(images: Array, line: Array) -> Array:
    """Return images as (lines of pixels, width · channels)."""
    return images.reshape(-1, len(line))
