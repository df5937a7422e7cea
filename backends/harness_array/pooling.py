"""Means of windows and of whole images, and images as vectors."""

from harness.interfaces import Array, AveragePool2d, Flatten, GlobalAveragePool
from harness_array.site import Site


class AveragePoolLayer:
    """The mean of each window."""

    def __init__(self, layer: AveragePool2d, site: Site) -> None:
        self._size = layer.size
        shape = layer.output_shape(site.input_shape)
        self._lines, self._columns = shape[0] * layer.size, shape[1] * layer.size
        self._out = site.device.xp.empty((site.rows, *shape), dtype=site.dtype)
        self._x: Array = None

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return (rows, lines, columns, channels) for x (rows, height, width, channels), which stays as it is."""
        if training:
            self._x = x
        y = self._out[: len(x)]
        first, *others = self._corners(x)
        y[...] = first
        for values in others:
            y += values
        y *= 1.0 / self._size**2
        return y

    def backward(self, gradient: Array) -> Array:
        """Overwrite x with its gradient, and return it; that of the output is overwritten."""
        x = self._x
        gradient *= 1.0 / self._size**2
        for target in self._corners(x):
            target[...] = gradient
        x[:, self._lines :] = 0.0
        x[:, :, self._columns :] = 0.0
        return x

    def _corners(self, x: Array) -> list[Array]:
        """Return views of x with one pixel of every window each."""
        size, places = self._size, range(self._size)
        return [x[:, i : self._lines : size, j : self._columns : size] for i in places for j in places]


class GlobalAveragePoolLayer:
    """The mean of each channel over the image, by a product with equal shares."""

    def __init__(self, _layer: GlobalAveragePool, site: Site) -> None:
        self._xp = xp = site.device.xp
        height, width, channels = site.input_shape
        self._pixels = height * width
        self._shares = xp.ones((1, self._pixels), dtype=site.dtype) / self._pixels
        self._out = xp.empty((site.rows, 1, channels), dtype=site.dtype)
        self._x: Array = None

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return (rows, channels) for x (rows, height, width, channels), which stays as it is."""
        if training:
            self._x = x
        rows, channels = len(x), x.shape[-1]
        pixels = x.reshape(rows, self._pixels, channels)
        return self._xp.matmul(self._shares, pixels, out=self._out[:rows]).reshape(rows, channels)

    def backward(self, gradient: Array) -> Array:
        """Overwrite x with its gradient, and return it; that of the output is overwritten."""
        x = self._x
        gradient *= 1.0 / self._pixels
        x.reshape(len(x), self._pixels, x.shape[-1])[...] = gradient[:, None]
        return x


class FlattenLayer:
    """Views, in both directions."""

    def __init__(self, _layer: Flatten, site: Site) -> None:
        self._shape = site.input_shape

    def forward(self, x: Array, *, training: bool) -> Array:  # noqa: ARG002 - the same in both
        """Return x (rows, …) as (rows, features)."""
        return x.reshape(len(x), -1)

    def backward(self, gradient: Array) -> Array:
        """Return the gradient in x's shape."""
        return gradient.reshape(len(gradient), *self._shape)
