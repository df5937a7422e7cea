"""Layers with trainable parameters, and dropout: forward and backward by hand, in preallocated arrays.

A layer's parameters and gradients are views into the network's flat vectors. ``backward`` may overwrite what
``forward`` returned or was given: by then nothing else needs it.
"""

from harness.interfaces import Array, BatchNorm, Dropout, Linear
from harness_array.site import Site


class LinearLayer:
    """z = x W + b."""

    def __init__(self, layer: Linear, site: Site) -> None:
        self._xp = site.device.xp
        self._weight, self._bias = site.parameters["weight"], site.parameters["bias"]
        self._weight_gradient, self._bias_gradient = site.gradients["weight"], site.gradients["bias"]
        self._out = self._xp.empty((site.rows, layer.outputs), dtype=site.dtype)
        self._ones = self._xp.ones(site.rows, dtype=site.dtype)
        self._x: Array = None
        self._learns = not site.frozen
        self._needs_input_gradient = site.needs_input_gradient
        self.inputs = slice(0, layer.inputs)
        """Which of its inputs x has: the first layer's others are zero, and take no part in any product."""

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return z (rows, outputs) for x (rows, `inputs`), which is kept for the backward pass."""
        if training:
            self._x = x
        z = self._xp.matmul(x, self._weight[self.inputs], out=self._out[: len(x)])
        z += self._bias
        return z

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of W and b; return that of x, in x's place."""
        x, inputs = self._x, self.inputs
        if self._learns:
            # A product with ones adds up the rows, quicker than a reduction over the first axis; and before the larger
            # one, while the gradient is in the cache.
            self._xp.matmul(self._ones[: len(gradient)], gradient, out=self._bias_gradient)
            self._xp.matmul(x.T, gradient, out=self._weight_gradient[inputs])
            if len(self._weight_gradient) > x.shape[1]:
                self._weight_gradient[: inputs.start] = 0.0
                self._weight_gradient[inputs.stop :] = 0.0
        if self._needs_input_gradient:
            return self._xp.matmul(gradient, self._weight.T, out=x)
        return gradient


class BatchNormLayer:
    """y = γ x̂ + β, x̂ = (x - mean) / √(variance + eps), over the rows of a batch."""

    def __init__(self, layer: BatchNorm, site: Site) -> None:
        self._xp = site.device.xp
        self._layer = layer
        self._gamma, self._beta = site.parameters["weight"], site.parameters["bias"]
        self._gamma_gradient, self._beta_gradient = site.gradients["weight"], site.gradients["bias"]
        self._running_mean, self._running_var = site.buffers["running_mean"], site.buffers["running_var"]
        self._normalised = self._xp.empty((site.training_rows, *site.input_shape), dtype=site.dtype)
        self._ones = self._xp.ones(site.training_rows, dtype=site.dtype)
        self._inverse: Array = None  # 1 / √(variance + eps) of the batch, (features,)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Overwrite x (rows, features) with y, and return it; in training, move the running statistics."""
        xp, eps = self._xp, self._layer.eps
        if not training:
            scale = self._gamma / xp.sqrt(self._running_var + eps)
            x *= scale
            x += self._beta - self._running_mean * scale
            return x
        rows = len(x)
        require_rows(rows)
        mean = xp.matmul(self._ones[:rows], x) / rows
        x -= mean
        variance = xp.einsum("ij,ij->j", x, x) / rows
        self._move(self._running_mean, mean)
        self._move(self._running_var, variance * (rows / (rows - 1)))
        self._inverse = 1.0 / xp.sqrt(variance + eps)
        normalised = xp.multiply(x, self._inverse, out=self._normalised[:rows])
        xp.multiply(normalised, self._gamma, out=x)
        x += self._beta
        return x

    def backward(self, gradient: Array) -> Array:
        """Write the gradients of γ and β; overwrite that of y with that of x, and return it.

        ∂x = γ / √(variance + eps) · (∂y - mean(∂y) - x̂ · mean(∂y x̂)) (Ioffe & Szegedy, 2015, section 3)
        """
        rows = len(gradient)
        normalised = self._normalised[:rows]
        self._xp.matmul(self._ones[:rows], gradient, out=self._beta_gradient)
        self._gamma_gradient[...] = self._xp.einsum("ij,ij->j", gradient, normalised)
        normalised *= self._gamma_gradient / rows
        gradient -= normalised
        gradient -= self._beta_gradient / rows
        gradient *= self._gamma * self._inverse
        return gradient

    def _move(self, running: Array, batch: Array) -> None:
        running *= 1.0 - self._layer.momentum
        running += self._layer.momentum * batch


def require_rows(rows: int) -> None:
    """Refuse a training batch of one row, which has no variance.

    Raises:
        ValueError: it has one row.
    """
    if rows < 2:
        raise ValueError("batch norm: a training batch of one row has no variance; choose another batch_size")


class DropoutLayer:
    """Inverted dropout; the mask depends on the seed, the epoch, the step and the layer's position alone."""

    def __init__(self, layer: Dropout, site: Site) -> None:
        self._device = site.device
        self._keep = 1.0 - layer.rate
        self._step, self._position = site.step, site.position
        self._mask = self._device.xp.empty((site.training_rows, *site.input_shape), dtype=bool)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Overwrite x (rows, …) with the kept elements, scaled up; in prediction leave it as it is."""
        if not training or self._keep == 1.0:
            return x
        self._device.keep_mask((*self._step.value, *self._position), self._keep, self._mask[: len(x)])
        return self._apply(x)

    def backward(self, gradient: Array) -> Array:
        """Overwrite the gradient with that of x, and return it."""
        return gradient if self._keep == 1.0 else self._apply(gradient)

    def _apply(self, x: Array) -> Array:
        self._device.xp.multiply(x, self._mask[: len(x)], out=x)
        x *= 1.0 / self._keep
        return x
