"""What follows a product in its stage, of images: sums over pixels are those of chunks, added up."""

import numpy as np

from harness.interfaces import Array, BatchNorm
from harness_array.kernels.module import CHUNK
from harness_array.kernels.plan import Stage
from harness_array.kernels.tails import NormTail, Tail
from harness_array.kernels.tools import NOWHERE, Launch, Tools


class ChannelTail(Tail):
    """y = dropout(activation(z + b)), the bias a channel's."""

    def __init__(self, tools: Tools, stage: Stage) -> None:
        super().__init__(tools, stage)
        self._sums = tools.matrix(chunks(len(self.y)), self._width)

    def backward(self, gradient: Array) -> list[Launch]:
        """Return the launches that write `z_gradient`, and those of parameters, from the gradient (n, width) of y."""
        arrays = gradient, self.slope, self.z_gradient, self._sums
        return [
            _by_chunks(self._tools, "chunk_activation_backward", gradient, *arrays),
            *_bias_gradient(self._tools, self._sums, self._bias_gradient, len(gradient)),
        ]


class ChannelNormTail(NormTail):
    """y = dropout(activation(γ x̂ + β)), a channel normalised over rows and pixels."""

    def __init__(self, tools: Tools, stage: Stage, norm: BatchNorm) -> None:
        super().__init__(tools, stage, norm)
        self._mean = tools.xp.empty(stage.width, dtype=tools.learned.dtype)
        self._parts = [tools.matrix(chunks(len(self.y)), self._width) for _ in range(2)]

    def forward(self, z: Array) -> list[Launch]:
        """Return the launches that write `y` of z (n, width) and move the running statistics."""
        kernels, size, chunk = self._tools.kernels, self._size(z), np.int32(CHUNK)
        statistics = self._mean, self._inverse
        written = self._normalised, self.y, self.slope, self._tools.control
        return [
            _by_chunks(self._tools, "channel_moments", z, z, self._bias, *self._parts),
            kernels.by_columns(
                "channel_statistics",
                self._width,
                *(*self._parts, *self._running, *statistics, *size, chunk, *self._norm),
            ),
            kernels.elementwise(
                "channel_norm_activation",
                z.size,
                *(z, self._bias, *statistics, self._gamma, self._beta, *written, *size, *self._emitted),
            ),
        ]

    def backward(self, gradient: Array) -> list[Launch]:
        """Return the launches that write `z_gradient`, and those of parameters, from the gradient (n, width) of y."""
        tools, kernels, count = self._tools, self._tools.kernels, np.int32(chunks(len(gradient)))
        sums = self._parts[0] if self._bias is not NOWHERE else NOWHERE
        of_norm = self._gamma_gradient, self._beta_gradient
        arrays = gradient, self.slope, self._normalised
        return [
            _by_chunks(tools, "channel_gradient_sums", gradient, *arrays, *self._parts),
            kernels.by_columns("channel_norm_sums", self._width, *self._parts, *of_norm, count, np.int32(self._width)),
            _by_chunks(
                tools,
                "channel_norm_backward",
                gradient,
                *(*arrays, self._gamma, self._inverse, *of_norm, self.z_gradient, sums),
            ),
            *_bias_gradient(tools, sums, self._bias_gradient, len(gradient)),
        ]


def chunks(rows: int) -> int:
    """Return into how many chunks the rows of a matrix are divided."""
    return -(-rows // CHUNK)


def _by_chunks(tools: Tools, name: str, matrix: Array, *arrays: Array) -> Launch:
    """Return the launch of a kernel whose last arguments are the size of a matrix and that of a chunk."""
    rows, width = matrix.shape
    size = np.int32(rows), np.int32(width), np.int32(CHUNK)
    return tools.kernels.by_chunks(name, (chunks(rows), width), *arrays, *size)


def _bias_gradient(tools: Tools, sums: Array, gradient: Array, rows: int) -> list[Launch]:
    """Return the launch that adds up the chunks' sums, none where there is no bias."""
    if gradient is NOWHERE:
        return []
    size = np.int32(chunks(rows)), np.int32(gradient.size)
    return [tools.kernels.by_columns("column_sums", gradient.size, sums, gradient, *size)]


def tail_of(tools: Tools, stage: Stage) -> Tail | None:
    """Return what follows a stage's product, None where nothing does."""
    if stage.plain:
        return None
    image = len(stage.shape) > 1
    if stage.norm:
        return (ChannelNormTail if image else NormTail)(tools, stage, stage.norm)
    return (ChannelTail if image else Tail)(tools, stage)
