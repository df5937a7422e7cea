"""A block of layers with a shortcut around it."""

from collections.abc import Sequence

from harness.interfaces import Array, Shape
from harness_array.site import ArrayLayer, Site


class ResidualLayer:
    """x + F(x), or P(x) + F(x) with a projection P.

    The layers of F may overwrite what they are given, forward and backward: the shortcut has copies.
    """

    def __init__(self, layers: Sequence[ArrayLayer], projection: ArrayLayer | None, output: Shape, site: Site) -> None:
        xp = site.device.xp
        self._layers = layers
        self._projection = projection
        self._x = xp.empty((site.rows, *site.input_shape), dtype=site.dtype)
        self._gradient = xp.empty((site.training_rows, *output), dtype=site.dtype) if projection else self._x

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return the sum (rows, *output_shape) for x (rows, *input_shape)."""
        shortcut = self._x[: len(x)]
        shortcut[...] = x
        if self._projection:
            shortcut = self._projection.forward(shortcut, training=training)
        for layer in self._layers:
            x = layer.forward(x, training=training)
        x += shortcut
        return x

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of the parameters; return that of x."""
        shortcut = self._gradient[: len(gradient)]
        shortcut[...] = gradient
        for layer in reversed(self._layers):
            gradient = layer.backward(gradient)
        gradient += self._projection.backward(shortcut) if self._projection else shortcut
        return gradient
