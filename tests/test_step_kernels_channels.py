"""The kernels that add up over the pixels of images, and batch norm of channels, against NumPy and its layer."""

import numpy as np
import pytest

from harness.interfaces import BatchNorm
from harness_array.channels import ChannelNormLayer
from harness_array.kernels.plan import ACTIVATION_CODES
from tests.array_layers import site_of
from tests.doubles import needs_compiler, strict_cupy
from tests.step_kernels import control, launch, over_sizes
from tests.test_step_kernels import activation, keeps

__all__ = ["launch", "strict_cupy"]

pytestmark = needs_compiler
EPS, MOMENTUM = 1e-5, 0.1


def chunk_of(rows):
    """Return rows of a chunk, of which the last has fewer: three of 513, two of 47, one of 3."""
    return {513: 200, 47: 40}.get(rows, rows + 2)


def by_chunks(launch, name, matrix, *arrays):
    """Launch a kernel on the chunks of a matrix; the last arguments are its size and that of a chunk."""
    rows, width = matrix.shape
    chunk = chunk_of(rows)
    size = np.int32(rows), np.int32(width), np.int32(chunk)
    return launch("by_chunks", name, (-(-rows // chunk), width), *arrays, *size)


def chunked(launch, matrix):
    """Return room for a value of each chunk and column."""
    rows, width = matrix.shape
    return launch.empty(-(-rows // chunk_of(rows)), width)


def parts_of(matrix):
    """Return the chunks of a matrix, in float64."""
    chunk = chunk_of(len(matrix))
    return [matrix[start : start + chunk].astype(np.float64) for start in range(0, len(matrix), chunk)]


@over_sizes
def test_activation_backward_in_chunks(launch, rows, width):
    """The gradient times the slope, and its sums over each chunk, which add up to the bias's gradient."""
    gradient, slope = launch.normal(rows, width), launch.normal(rows, width, seed=1)
    arrays = gradient, slope, launch.empty(rows, width), chunked(launch, gradient)
    *_, out, sums = by_chunks(launch, "chunk_activation_backward", gradient, *arrays)
    np.testing.assert_array_equal(out, gradient * slope)
    launch.agrees(sums, np.stack([part.sum(axis=0) for part in parts_of(gradient * slope)]), 20)
    size = np.int32(len(sums)), np.int32(width)
    _, total = launch("by_columns", "column_sums", width, sums, launch.empty(width), *size)
    launch.agrees(total, (gradient.astype(np.float64) * slope).sum(axis=0), 20)


@over_sizes
@pytest.mark.parametrize("biased", [True, False])
def test_moments_of_chunks(launch, rows, width, biased):
    """Means and squared deviations, of values whose mean is far from 0."""
    z, bias = launch.normal(rows, width) + 100, launch.normal(width, seed=1)
    parts = [chunked(launch, z) for _ in range(2)]
    *_, means, squares = by_chunks(launch, "channel_moments", z, z, bias if biased else np.uint64(0), *parts)
    expected = parts_of(z + bias if biased else z)
    launch.agrees(means, np.stack([part.mean(axis=0) for part in expected]), 5)
    launch.agrees(squares, np.stack([part.var(axis=0) * len(part) for part in expected]), 20 * rows)


@over_sizes
def test_statistics_are_those_of_the_whole(launch, rows, width):
    """Mean, variance, and what the running ones become, from the exact moments of chunks of unequal sizes."""
    rows += rows == 1
    z, mean, variance = launch.normal(rows, width) + 3, launch.normal(width, seed=1), launch.normal(width, seed=2) ** 2
    z += np.arange(rows)[:, None] // chunk_of(rows)  # so that chunks differ
    means = np.stack([part.mean(axis=0) for part in parts_of(z)]).astype(launch.dtype)
    squares = np.stack([part.var(axis=0) * len(part) for part in parts_of(z)]).astype(launch.dtype)
    *_, running_mean, running_var, channel_mean, inverse = launch(
        "by_columns", "channel_statistics", width, means, squares, mean, variance, launch.empty(width),
        launch.empty(width), np.int32(rows), np.int32(width), np.int32(chunk_of(rows)), launch.real(MOMENTUM),
        launch.real(EPS),
    )  # fmt: skip
    exact = z.astype(np.float64)
    launch.agrees(channel_mean, exact.mean(axis=0), 5)
    launch.agrees(inverse**-2.0 - EPS, exact.var(axis=0), 50)
    launch.agrees(running_mean, 0.9 * mean + 0.1 * exact.mean(axis=0), 5)
    launch.agrees(running_var, 0.9 * variance + 0.1 * exact.var(axis=0, ddof=1), 50)


def normed(z, width, gamma, beta, mean, variance):
    """Return NumPy's layer over these pixels, after its forward pass of z, in float64; and what that returned."""
    statistics = {"running_mean": mean, "running_var": variance}
    site = site_of(BatchNorm(width), (1, 1, width), len(z), statistics=statistics, weight=gamma, bias=beta)
    layer = ChannelNormLayer(BatchNorm(width, momentum=MOMENTUM, eps=EPS), site)
    y = layer.forward(z.astype(np.float64).reshape(len(z), 1, 1, width), training=True)
    return layer, site, y.reshape(z.shape)


@over_sizes
@pytest.mark.parametrize("name", ["relu", "silu", None])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_normalised_channels_with_activation_and_dropout(launch, rows, width, name, rate):
    """From the exact mean and variance: x̂, value and slope."""
    z, step, layer = 3 * launch.normal(rows, width) + 2, 4, 2
    bias, gamma, beta, mean = (launch.normal(width, seed=seed) for seed in range(1, 5))
    inverse = np.abs(launch.normal(width, seed=5)) + launch.real(0.5)
    matrix, size = launch.empty(rows, width), (np.int32(rows), np.int32(width))
    threshold = np.uint32(round((1 - rate) * 2**32) if rate else 0)
    for shift in (bias, np.uint64(0)):
        *_, unit, y, slope, _ = launch(
            "elementwise", "channel_norm_activation", z.size, z, shift, mean, inverse, gamma, beta, matrix, matrix,
            matrix, control(epoch_step=step), *size, np.int32(ACTIVATION_CODES.get(name, 0)), np.uint32(layer),
            threshold, launch.real(1 / (1 - rate)),
        )  # fmt: skip
        expected = (z.astype(np.float64) + (bias if shift is bias else 0) - mean) * inverse
        launch.agrees(unit, expected, 5 * np.abs(expected).max())
        value, derivative = activation(name, expected * gamma + beta)
        factor = keeps(z.size, step, layer, rate).reshape(z.shape) / (1 - rate) if rate else 1.0
        near = np.abs(expected * gamma + beta) > 1e-4  # elsewhere rounding may choose another side of relu's kink
        launch.agrees(y, value * factor, 20 * np.abs(expected).max())
        launch.agrees(slope[near], np.broadcast_to(derivative * factor, near.shape)[near], 20 * np.abs(expected).max())


@over_sizes
def test_channel_norm_is_numpys(launch, rows, width):
    """All its kernels, one after another, forward and backward, against the layer in float64."""
    rows += rows == 1
    z, upstream = 3 * launch.normal(rows, width) + 2, launch.normal(rows, width, seed=9)
    gamma, beta, mean = (launch.normal(width, seed=seed) for seed in range(1, 4))
    variance, nowhere = launch.normal(width, seed=4) ** 2, np.uint64(0)
    reference, site, expected = normed(z, width, gamma, beta, mean, variance)
    vector, matrix, parts = launch.empty(width), launch.empty(rows, width), [chunked(launch, z) for _ in range(2)]
    size = np.int32(rows), np.int32(width)
    _, *parts = by_chunks(launch, "channel_moments", z, z, nowhere, *parts)
    *_, running_mean, running_var, centre, inverse = launch(
        "by_columns", "channel_statistics", width, *parts, mean, variance, vector, vector, *size,
        np.int32(chunk_of(rows)), launch.real(MOMENTUM), launch.real(EPS),
    )  # fmt: skip
    *_, unit, y, slope, _ = launch(
        "elementwise", "channel_norm_activation", z.size, z, nowhere, centre, inverse, gamma, beta, matrix, matrix,
        matrix, control(), *size, np.int32(0), np.uint32(0), np.uint32(0), launch.real(1),
    )  # fmt: skip
    scale = 50 * max(1, inverse.max())
    launch.agrees(y, expected, scale)
    launch.agrees(running_mean, site.buffers["running_mean"], 5)
    launch.agrees(running_var, site.buffers["running_var"], 50)
    back = reference.backward(upstream.astype(np.float64).reshape(rows, 1, 1, width)).reshape(z.shape)
    *_, levels, alongs = by_chunks(launch, "channel_gradient_sums", z, upstream, slope, unit, *parts)
    _, _, of_gamma, of_beta = launch(
        "by_columns", "channel_norm_sums", width, levels, alongs, vector, vector, np.int32(len(levels)), size[1]
    )
    launch.agrees(of_gamma, site.gradients["weight"], scale)
    launch.agrees(of_beta, site.gradients["bias"], 20)
    arrays = upstream, slope, unit, gamma, inverse, of_gamma, of_beta, matrix
    for sums in (chunked(launch, z), nowhere):
        outputs = by_chunks(launch, "channel_norm_backward", z, *arrays, sums)
        launch.agrees(outputs[7], back, scale)
        if sums is not nowhere:
            launch.agrees(outputs[8], np.stack([part.sum(axis=0) for part in parts_of(back)]), rows * scale)


@over_sizes
def test_without_a_bias_vectors_have_no_gradient_of_it(launch, rows, width):
    """Null pointers in the kernels of vectors: nothing is read or written there, all else is as with zeros."""
    rows += rows == 1
    z, nowhere, size = launch.normal(rows, width), np.uint64(0), (np.int32(rows), np.int32(width))
    matrix, vector, numbers = launch.empty(rows, width), launch.empty(width), (np.int32(3), np.uint32(0), np.uint32(0))
    collected = []
    for bias in (nowhere, np.zeros(width, launch.dtype)):
        gradients = nowhere if bias is nowhere else vector
        arrays = bias, np.ones(width, launch.dtype), vector, vector, vector, vector, matrix, matrix, matrix, control()
        norm = launch(
            "by_columns", "bias_norm_activation", width, z, *arrays, *size, launch.real(MOMENTUM), launch.real(EPS),
            *numbers, launch.real(1),
        )  # fmt: skip
        unit, y, slope = norm[-4:-1]
        plain = launch(
            "elementwise", "bias_activation", z.size, z, bias, matrix, matrix, control(), *size, *numbers,
            launch.real(1),
        )  # fmt: skip
        back = launch("by_columns", "activation_backward", width, z, slope, matrix, gradients, *size)
        of_norm = launch(
            "by_columns", "norm_backward", width, z, slope, unit, vector, vector, matrix, vector, vector, gradients,
            *size,
        )  # fmt: skip
        collected.append([unit, y, slope, *plain[-3:-1], back[2], *of_norm[5:8]])
    for without, zeros in zip(*collected, strict=True):
        np.testing.assert_array_equal(without, zeros)
