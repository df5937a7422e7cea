"""What follows a product in its stage: bias, batch norm, activation and dropout, of vectors."""

import numpy as np

from harness.interfaces import Array, BatchNorm
from harness_array.kernels.plan import Stage
from harness_array.kernels.tools import Launch, Tools


class Tail:
    """y = dropout(activation(z + b)). Its matrices have a row for each row of a batch, or for each pixel."""

    def __init__(self, tools: Tools, stage: Stage) -> None:
        self._tools, self._width = tools, stage.width
        shape = tools.rows * stage.pixels, stage.width
        self.y, self.slope, self.z_gradient = (tools.matrix(*shape) for _ in range(3))
        self._bias, self._bias_gradient = tools.learned_pair(f"{stage.name}.bias")
        keep = 1.0 - stage.rate
        self._emitted = (
            np.int32(stage.activation),
            np.uint32(stage.dropout_number),
            np.uint32(max(1, min(round(keep * 2**32), 2**32 - 1)) if stage.rate else 0),  # 0 would be no dropout
            tools.kernels.real(1.0 / keep),
        )

    def forward(self, z: Array) -> list[Launch]:
        """Return the launches that write `y` of z (n, width)."""
        arrays = z, self._bias, self.y, self.slope, self._tools.control
        return [
            self._tools.kernels.elementwise("bias_activation", z.size, *arrays, *self._size(z), *self._emitted),
        ]

    def backward(self, gradient: Array) -> list[Launch]:
        """Return the launches that write `z_gradient`, and those of parameters, from the gradient (n, width) of y."""
        arrays = gradient, self.slope, self.z_gradient, self._bias_gradient
        return [self._tools.kernels.by_columns("activation_backward", self._width, *arrays, *self._size(gradient))]

    def _size(self, matrix: Array) -> tuple[np.int32, np.int32]:
        return np.int32(len(matrix)), np.int32(self._width)


class NormTail(Tail):
    """y = dropout(activation(γ x̂ + β))."""

    def __init__(self, tools: Tools, stage: Stage, norm: BatchNorm) -> None:
        super().__init__(tools, stage)
        self._normalised = tools.matrix(*self.y.shape)
        self._inverse = tools.xp.empty(stage.width, dtype=tools.learned.dtype)
        self._gamma, self._gamma_gradient = tools.learned_pair(f"{stage.norm_name}.weight")
        self._beta, self._beta_gradient = tools.learned_pair(f"{stage.norm_name}.bias")
        running = tools.learned.running
        self._running = tuple(running[f"{stage.norm_name}.{name}"] for name in ("running_mean", "running_var"))
        self._norm = tools.kernels.real(norm.momentum), tools.kernels.real(norm.eps)

    def forward(self, z: Array) -> list[Launch]:
        """Return the launches that write `y` of z (n, width) and move the running statistics."""
        kept = self._inverse, self._normalised, self.y, self.slope, self._tools.control
        return [
            self._tools.kernels.by_columns(
                "bias_norm_activation",
                self._width,
                *(z, self._bias, self._gamma, self._beta, *self._running, *kept),
                *(*self._size(z), *self._norm, *self._emitted),
            )
        ]

    def backward(self, gradient: Array) -> list[Launch]:
        """Return the launches that write `z_gradient`, and those of parameters, from the gradient (n, width) of y."""
        gradients = self.z_gradient, self._gamma_gradient, self._beta_gradient, self._bias_gradient
        return [
            self._tools.kernels.by_columns(
                "norm_backward",
                self._width,
                *(gradient, self.slope, self._normalised, self._gamma, self._inverse),
                *(*gradients, *self._size(gradient)),
            )
        ]
