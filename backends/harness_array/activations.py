"""Activations, in place: ``forward`` overwrites its input, ``backward`` the gradient that comes in.

Each keeps its derivative (or, for the piecewise linear ones, where the input was positive) from the forward pass.
"""

from math import pi, sqrt

from harness.interfaces import ActivationName, Array, Shape
from harness_array.devices import Device

LEAKY_SLOPE = 0.01


class ReLU:
    """max(0, z); its derivative at 0 is taken as 0."""

    def __init__(self, device: Device, shape: Shape, _dtype: object) -> None:
        self._xp = device.xp
        self._rectify = device.rectify
        self._positive = device.xp.empty(shape, dtype=bool)

    def forward(self, z: Array, *, training: bool) -> Array:
        """Overwrite z (rows, …) with its activations, and return it."""
        if training:
            self._xp.greater(z, 0, out=self._positive[: len(z)])
        return self._rectify(z)

    def backward(self, gradient: Array) -> Array:
        """Overwrite the gradient of the activations with that of z, and return it."""
        return self._xp.multiply(gradient, self._positive[: len(gradient)], out=gradient)


class _WithDerivative:
    """What the smooth activations share: the derivative is kept, and multiplied in."""

    def __init__(self, device: Device, shape: Shape, dtype: object) -> None:
        self._xp = device.xp
        self._derivative = device.xp.empty(shape, dtype=dtype)
        self._scratch = device.xp.empty(shape, dtype=dtype)

    def backward(self, gradient: Array) -> Array:
        """Overwrite the gradient of the activations with that of z, and return it."""
        return self._xp.multiply(gradient, self._derivative[: len(gradient)], out=gradient)


class LeakyReLU(_WithDerivative):
    """z where z > 0, else 0.01 z."""

    def forward(self, z: Array, *, training: bool) -> Array:
        """Overwrite z (rows, …) with its activations, and return it."""
        xp, slope = self._xp, self._derivative[: len(z)]
        if training:
            xp.greater(z, 0, out=slope)
            slope *= 1.0 - LEAKY_SLOPE
            slope += LEAKY_SLOPE
        scaled = xp.multiply(z, LEAKY_SLOPE, out=self._scratch[: len(z)])
        return xp.maximum(z, scaled, out=z)


class GELU(_WithDerivative):
    """z Φ(z), Φ the standard normal distribution function by erf; derivative Φ(z) + z φ(z)."""

    def __init__(self, device: Device, shape: Shape, dtype: object) -> None:
        super().__init__(device, shape, dtype)
        self._erf = device.erf
        zero = device.xp.zeros(1, dtype=dtype)
        self._erf(zero, zero)  # loads its library now: no step's time

    def forward(self, z: Array, *, training: bool) -> Array:
        """Overwrite z (rows, …) with its activations, and return it."""
        xp, cdf = self._xp, self._scratch[: len(z)]
        xp.multiply(z, sqrt(0.5), out=cdf)
        self._erf(cdf, cdf)
        cdf += 1.0
        cdf *= 0.5
        if training:
            derivative = self._derivative[: len(z)]
            xp.multiply(z, z, out=derivative)
            derivative *= -0.5
            xp.exp(derivative, out=derivative)
            derivative *= 1.0 / sqrt(2.0 * pi)
            derivative *= z
            derivative += cdf
        return xp.multiply(z, cdf, out=z)


class SiLU(_WithDerivative):
    """z σ(z), σ(z) = (1 + tanh(z / 2)) / 2, which cannot overflow; derivative σ + z σ (1 - σ)."""

    def forward(self, z: Array, *, training: bool) -> Array:
        """Overwrite z (rows, …) with its activations, and return it."""
        xp, sigmoid = self._xp, self._scratch[: len(z)]
        xp.multiply(z, 0.5, out=sigmoid)
        xp.tanh(sigmoid, out=sigmoid)
        sigmoid += 1.0
        sigmoid *= 0.5
        if not training:
            return xp.multiply(z, sigmoid, out=z)
        derivative = self._derivative[: len(z)]
        xp.multiply(z, sigmoid, out=z)
        # σ + z σ (1 - σ), with a = z σ already in z: σ (1 - a) + a
        xp.subtract(1.0, z, out=derivative)
        derivative *= sigmoid
        derivative += z
        return z


class Tanh(_WithDerivative):
    """tanh(z); derivative 1 - tanh²(z)."""

    def forward(self, z: Array, *, training: bool) -> Array:
        """Overwrite z (rows, …) with its activations, and return it."""
        xp = self._xp
        xp.tanh(z, out=z)
        if training:
            derivative = xp.multiply(z, z, out=self._derivative[: len(z)])
            xp.subtract(1.0, derivative, out=derivative)
        return z


ACTIVATIONS: dict[ActivationName, type[ReLU | LeakyReLU | GELU | SiLU | Tanh]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "gelu": GELU,
    "silu": SiLU,
    "tanh": Tanh,
}
