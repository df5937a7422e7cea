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
        self._crew = site.device.crew
        self._products = xp.empty((self._crew.size, self._block, *site.input_shape), dtype=site.dtype)
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
        parts = blocks(len(x), self._block)
        mean = sum(self._crew.each(lambda _member, _index, part: self._summed(x[part]), parts)) / count
        line = self._first.of(mean)

        def centred(member: int, _index: int, part: slice) -> Array:
            block = _lines(x[part], line)
            block -= line
            return self._summed(x[part], x[part], self._products[member])

        variance = sum(self._crew.each(centred, parts)) / count
        self._move(self._running_mean, mean)
        self._move(self._running_var, variance * (count / (count - 1)))
        self._inverse = 1.0 / xp.sqrt(variance + eps)
        inverse, gamma, beta = (
            vector.of(value)
            for vector, value in zip(
                (self._first, self._second, self._third), (self._inverse, self._gamma, self._beta), strict=True
            )
        )

        def normalise(_member: int, _index: int, part: slice) -> None:
            block, normalised = _lines(x[part], line), _lines(self._normalised[part], line)
            xp.multiply(block, inverse, out=normalised)
            xp.multiply(normalised, gamma, out=block)
            block += beta

        self._crew.each(normalise, parts)
        return x

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of γ and β; overwrite that of y with that of x, and return it, as `BatchNormLayer`."""
        count, parts = len(gradient) * self._pixels, blocks(len(gradient), self._block)

        def sums(member: int, _index: int, part: slice) -> tuple[Array, Array]:
            times = self._summed(gradient[part], self._normalised[part], self._products[member])
            return self._summed(gradient[part]), times

        betas, gammas = zip(*self._crew.each(sums, parts), strict=True)
        self._beta_gradient[...] = sum(betas)
        self._gamma_gradient[...] = sum(gammas)
        along, shift = self._first.of(self._gamma_gradient / count), self._second.of(self._beta_gradient / count)
        scale = self._third.of(self._gamma * self._inverse)

        def write(_member: int, _index: int, part: slice) -> None:
            block, normalised = _lines(gradient[part], along), _lines(self._normalised[part], along)
            normalised *= along
            block -= normalised
            block -= shift
            block *= scale

        self._crew.each(write, parts)
        return gradient

    def _scaled(self, x: Array, out: Array, scale: Array, shift: Array) -> None:
        """Write x · scale + shift, both (channels,)."""
        factors, terms = self._first.of(scale), self._second.of(shift)
        for part in blocks(len(x), self._block):
            block = self._xp.multiply(_lines(x[part], factors), factors, out=_lines(out[part], factors))
            block += terms

    def _summed(self, values: Array, times: Array = None, products: Array = None) -> Array:
        """Return the sums (channels,) of a block's values, or of their products with others, which are written."""
        if times is not None:
            values = self._xp.multiply(values, times, out=products[: len(values)])
        pixels = values.reshape(-1, values.shape[-1])
        return self._xp.matmul(self._ones[: len(pixels)], pixels)

    def _move(self, running: Array, batch: Array) -> None:
        running *= 1.0 - self._layer.momentum
        running += self._layer.momentum * batch


def _lines(images: Array, line: Array) -> Array:
    """Return images as (lines of pixels, width · channels)."""
    return images.reshape(-1, len(line))
