"""The kernels of the loss and of the way back, against NumPy: all sizes, precisions and orders of threads."""

import numpy as np
import pytest
import scipy.special

from tests.doubles import needs_compiler, strict_cupy
from tests.step_kernels import control, fields, launch, over_sizes

__all__ = ["launch", "strict_cupy"]

pytestmark = needs_compiler


def cross_entropy(logits, labels, smoothing, weights, mean):
    """Return each row's loss, whether its first likeliest class is right, and the gradient, in float64."""
    rows, classes = logits.shape
    target = np.full((rows, classes), smoothing / classes)
    target[np.arange(rows), labels] += 1 - smoothing
    target = target * weights
    log_p = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    gradient = target.sum(axis=1, keepdims=True) * np.exp(log_p) - target
    if mean:
        gradient /= weights[labels].sum()
    return -(target * log_p).sum(axis=1), logits.argmax(axis=1) == labels, gradient


def losses(launch, z, bias, labels, weights=None, smoothing=0.0, *, mean=True):
    """Return gradient, losses of rows, and which are right, of the kernel."""
    rows, classes = z.shape
    outputs = launch(
        "by_rows", "softmax_cross_entropy", rows, z, bias, labels.astype(np.int32),
        np.full(classes, np.nan, launch.dtype) if weights is None else weights, launch.empty(rows, classes),
        launch.empty(rows, dtype=np.float64), launch.empty(rows, dtype=np.int32), np.int32(rows), np.int32(classes),
        np.float64(smoothing), np.int32(weights is not None), np.int32(mean),
    )  # fmt: skip
    return outputs[4:]


@over_sizes
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mean", [False, True])
def test_softmax_cross_entropy(launch, rows, width, smoothing, weighted, mean):
    """With label smoothing, weights of classes, mean and sum; no weight is read where there are none."""
    z, bias = 4 * launch.normal(rows, width), launch.normal(width, seed=1)
    labels = np.random.default_rng(2).integers(0, width, rows)
    weights = launch.normal(width, seed=3) ** 2 + 0.1 if weighted else None
    gradient, row_loss, right = losses(launch, z, bias, labels, weights, smoothing, mean=mean)
    expected = cross_entropy(z + bias, labels, smoothing, np.ones(width) if weights is None else weights, mean)
    launch.agrees(row_loss, expected[0], 5)
    np.testing.assert_array_equal(right, expected[1])
    launch.agrees(gradient, expected[2], 5)


def test_large_logits_do_not_overflow(launch):
    """Differences of 1e4: the loss is the difference, the gradient 1 and -1."""
    z = np.array([[1e4, 0, -1e4], [-1e4, -2e4, 0]], launch.dtype)
    gradient, row_loss, right = losses(launch, z, np.zeros(3, launch.dtype), np.array([1, 2]), mean=False)
    np.testing.assert_array_equal(row_loss, [1e4, 0])
    np.testing.assert_array_equal(right, [0, 1])
    np.testing.assert_array_equal(gradient, [[1, -1, 0], [0, 0, 0]])


def test_of_equally_likely_classes_the_first_counts(launch):
    """Within a lane of a warp, and across its lanes; 70 classes are more than two rounds of a warp."""
    z = np.zeros((4, 70), launch.dtype)
    z[0, [40, 9]] = z[1, [3, 35]] = z[2, [69, 68, 5]] = 1
    labels = np.array([9, 3, 5, 0])
    _, _, right = losses(launch, z, np.zeros(70, launch.dtype), labels)
    np.testing.assert_array_equal(right, 1)
    _, _, right = losses(launch, z, np.zeros(70, launch.dtype), np.array([40, 35, 69, 69]))
    np.testing.assert_array_equal(right, 0)


@pytest.mark.parametrize("label", [-1, 47])
def test_a_label_of_no_class_has_a_loss_of_nan(launch, label):
    """Of its row alone; nothing outside of the arrays is read or written."""
    labels = np.array([3, label, 5])
    z, weights = launch.normal(3, 47), launch.normal(47) ** 2
    for class_weights in (None, weights):
        _, row_loss, right = losses(launch, z, launch.normal(47, seed=1), labels, class_weights)
        np.testing.assert_array_equal(np.isnan(row_loss), [False, True, False])
        assert not right[1]


@over_sizes
def test_column_sums(launch, rows, width):
    matrix = launch.normal(rows, width)
    _, sums = launch("by_columns", "column_sums", width, matrix, launch.empty(width), np.int32(rows), np.int32(width))
    launch.agrees(sums, matrix.astype(np.float64).sum(axis=0), 20)


@over_sizes
def test_activation_backward(launch, rows, width):
    """The gradient times the slope, and its sums."""
    gradient, slope = launch.normal(rows, width), launch.normal(rows, width, seed=1)
    size = np.int32(rows), np.int32(width)
    arrays = gradient, slope, launch.empty(rows, width), launch.empty(width)
    *_, out, sums = launch("by_columns", "activation_backward", width, *arrays, *size)
    np.testing.assert_array_equal(out, gradient * slope)
    launch.agrees(sums, (gradient.astype(np.float64) * slope).sum(axis=0), 20)


def normed(z, gamma, beta, eps):
    """Return batch norm's output, x̂ and 1 / √(variance + eps)."""
    inverse = 1 / np.sqrt(z.var(axis=0) + eps)
    unit = (z - z.mean(axis=0)) * inverse
    return unit * gamma + beta, unit, inverse


@over_sizes
def test_norm_backward(launch, rows, width):
    """By the formula, in float64."""
    rows += rows == 1
    z, weight = launch.normal(rows, width), launch.normal(width, seed=1)
    gradient, slope = launch.normal(rows, width, seed=2), launch.normal(rows, width, seed=3)
    _, unit, inverse = normed(z.astype(np.float64), weight, 0, 1e-5)
    *_, out, gamma, beta, bias = launch(
        "by_columns", "norm_backward", width, gradient, slope, unit.astype(launch.dtype), weight,
        inverse.astype(launch.dtype), launch.empty(rows, width), launch.empty(width), launch.empty(width),
        launch.empty(width), np.int32(rows), np.int32(width),
    )  # fmt: skip
    d = gradient.astype(np.float64) * slope
    expected = weight * inverse * (d - d.mean(axis=0) - unit * (d * unit).mean(axis=0))
    scale = 20 * max(1, inverse.max())
    launch.agrees(out, expected, scale)
    launch.agrees(gamma, (d * unit).sum(axis=0), 20)
    launch.agrees(beta, d.sum(axis=0), 20)
    launch.agrees(bias, expected.sum(axis=0), rows * scale)


@pytest.mark.slow
def test_norm_backward_is_the_slope_of_batch_norm(strict_cupy):
    """Against central differences: an oracle that knows no formula of the gradient."""
    from tests.step_kernels import Launcher

    launch, rows, width, eps = Launcher(strict_cupy, "float64"), 7, 3, 1e-5
    z, weight, shift = launch.normal(rows, width), launch.normal(width, seed=1), launch.normal(width, seed=2)
    upstream = launch.normal(rows, width, seed=3)
    _, unit, inverse = normed(z, weight, shift, eps)
    *_, out, _, _, _ = launch(
        "by_columns", "norm_backward", width, upstream, np.ones_like(z), unit, weight, inverse,
        launch.empty(rows, width), launch.empty(width), launch.empty(width), launch.empty(width), np.int32(rows),
        np.int32(width),
    )  # fmt: skip
    slopes = np.empty_like(z)
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = 1e-6
        more, less = (normed(z + sign * step, weight, shift, eps)[0] for sign in (1, -1))
        slopes[index] = ((more - less) * upstream).sum() / 2e-6
    np.testing.assert_allclose(out, slopes, atol=1e-7)


@pytest.mark.parametrize("count", [1, 5, 255, 257, 40_001])
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clipping_by_the_norm(launch, count, limit):
    """The squares in parts, then the factor: below 1 only where the norm is above the limit."""
    gradient, parts = launch.normal(count), 128
    _, partial = launch("blocks", "squares", parts, gradient, launch.empty(parts, dtype=np.float64), np.int32(count))
    assert partial.sum() == pytest.approx((gradient.astype(np.float64) ** 2).sum(), rel=1e-12)
    _, block = launch("blocks", "clip_factor", 1, partial, control(clip=9), np.int32(parts), np.float64(limit))
    norm = np.sqrt((gradient.astype(np.float64) ** 2).sum())
    assert fields(block)["clip"] == pytest.approx(min(1.0, limit / (norm + 1e-6)), rel=1e-12)
