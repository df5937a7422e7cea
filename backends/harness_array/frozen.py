"""The input gradient of a network in evaluation mode: its layers once more, over the same parameters and statistics."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Array, BatchNorm
from harness_array.devices import Device
from harness_array.loss import SoftmaxCrossEntropy
from harness_array.site import ArrayLayer, Site


class FrozenNormLayer:
    """y = γ (x - running mean) / √(running variance + eps) + β, of features or channels: a factor and a term each."""

    def __init__(self, layer: BatchNorm, site: Site) -> None:
        self._xp, self._eps = site.device.xp, layer.eps
        self._gamma, self._beta = site.parameters["weight"], site.parameters["bias"]
        self._mean, self._variance = site.buffers["running_mean"], site.buffers["running_var"]

    def forward(self, x: Array, *, training: bool) -> Array:  # noqa: ARG002 - it learns nothing
        """Overwrite x (rows, …, features) with y, and return it."""
        scale = self._scale()
        x *= scale
        x += self._beta - self._mean * scale
        return x

    def backward(self, gradient: Array) -> Array:
        """Overwrite the gradient of y with that of x, and return it."""
        gradient *= self._scale()
        return gradient

    def _scale(self) -> Array:
        return self._gamma / self._xp.sqrt(self._variance + self._eps)


class Identity:
    """Dropout that drops nothing."""

    def forward(self, x: Array, *, training: bool) -> Array:  # noqa: ARG002 - the same in both
        """Return x."""
        return x

    def backward(self, gradient: Array) -> Array:
        """Return the gradient."""
        return gradient


class InputGradient:
    """∂(-log softmax(z)[label]) / ∂x of rows, some at a time."""

    def __init__(self, device: Device, layers: list[ArrayLayer], site: Site, classes: int) -> None:
        self._device, self._layers, self._shape = device, layers, site.input_shape
        self._batch = device.xp.empty((site.rows, *site.input_shape), dtype=site.dtype)
        self._loss = SoftmaxCrossEntropy(device.xp, site.rows, classes, site.dtype, mean=False)

    def of(self, features: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[Any]:
        """Return the gradient of each row (rows, *shape) of some features on the host, in their dtype."""
        rows, size = features.reshape(len(features), *self._shape), len(self._batch)
        gradients = np.empty_like(rows)
        with np.errstate(all="ignore"):  # what is not finite shows in the gradients
            for start in range(0, len(rows), size):
                part = slice(start, start + size)
                gradients[part] = self._device.to_host(self._part(rows[part], labels[part]))
        return gradients.reshape(features.shape)

    def _part(self, rows: NDArray[Any], labels: NDArray[np.int64]) -> Array:
        x = self._batch[: len(rows)]
        x[...] = self._device.to_device(rows)
        for layer in self._layers:
            x = layer.forward(x, training=True)
        _, _, gradient = self._loss(x, self._device.to_device(labels))
        for layer in reversed(self._layers):
            gradient = layer.backward(gradient)
        return gradient
