"""The kernels of a training step up to the loss, against NumPy: all sizes, precisions and orders of threads."""

from typing import get_args

import numpy as np
import pytest
import scipy.special

from harness.interfaces import ActivationName
from harness_array.kernels.module import source
from harness_array.kernels.plan import ACTIVATION_CODES
from tests.doubles import needs_compiler, strict_cupy
from tests.philox import KNOWN_ANSWERS, element_words, philox4x32_10, words
from tests.step_kernels import KEY, control, launch, over_sizes

__all__ = ["launch", "strict_cupy"]

pytestmark = needs_compiler


WORDS = """
extern "C" __global__ void philox_words(const unsigned* counter, const unsigned* key, unsigned* out) {
    uint4 words = philox4x32_10(make_uint4(counter[0], counter[1], counter[2], counter[3]), make_uint2(key[0], key[1]));
    out[0] = words.x; out[1] = words.y; out[2] = words.z; out[3] = words.w;
}
"""


def test_philox_in_numpy_has_its_known_answers():
    """The tests' own, which the masks of the kernels are compared with."""
    for counter, key, expected in KNOWN_ANSWERS:
        np.testing.assert_array_equal(philox4x32_10([words(counter)], words(key))[0], words(expected))


@pytest.mark.slow
def test_philox_has_its_known_answers(strict_cupy):
    """The kernels' own."""
    kernel = strict_cupy.RawModule(code=source() + WORDS, options=("-std=c++17",)).get_function("philox_words")
    arrays = [strict_cupy.empty(size, np.uint32) for size in (4, 2, 4)]
    for counter, key, expected in KNOWN_ANSWERS:
        arrays[0].set(words(counter))
        arrays[1].set(words(key))
        kernel((1,), (1,), tuple(arrays))
        np.testing.assert_array_equal(arrays[2].get(), words(expected))


@over_sizes
@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("name", ["gather_bytes", "gather_floats"])
def test_gathering_takes_the_rows_of_the_step(launch, rows, width, resident, name):
    """A step's rows are those of the epoch's order, or staged; labels are in the epoch's order already."""
    rng, batch, step = np.random.default_rng(0), rows + 2, 3
    images = rng.integers(0, 256, (600, width)).astype(np.uint8 if name == "gather_bytes" else np.float32)
    order, labels = rng.permutation(4 * batch) % 600, rng.integers(0, 47, 4 * batch)
    place = slice(step * batch, step * batch + rows)
    taken = images[order[place]] if resident else images[:rows]
    divisor = [launch.real(255)] if name == "gather_bytes" else []
    gathered = launch(
        "elementwise", name, rows * width, images, order, labels, launch.empty(rows, width),
        launch.empty(rows, dtype=np.int32), control(epoch_step=step), np.int32(rows), np.int32(batch), np.int32(width),
        *divisor, np.int32(resident),
    )  # fmt: skip
    np.testing.assert_array_equal(gathered[3], taken.astype(launch.dtype) / (launch.real(255) if divisor else 1))
    np.testing.assert_array_equal(gathered[4], labels[place])


def activation(name, z):
    """Return the value and the slope of an activation, in float64."""
    z = z.astype(np.float64)
    sigmoid, density = scipy.special.expit(z), np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return {
        "relu": lambda: (np.maximum(z, 0), (z > 0) * 1.0),
        "leaky_relu": lambda: (np.where(z > 0, z, 0.01 * z), np.where(z > 0, 1.0, 0.01)),
        "gelu": lambda: (z * scipy.special.ndtr(z), scipy.special.ndtr(z) + z * density),
        "silu": lambda: (z * sigmoid, sigmoid * (1 + z * (1 - sigmoid))),
        "tanh": lambda: (np.tanh(z), 1 - np.tanh(z) ** 2),
        None: lambda: (z, np.ones_like(z)),
    }[name]()


def test_every_activation_has_a_kernel():
    assert set(ACTIVATION_CODES) == set(get_args(ActivationName))


def keeps(count, step, layer, rate):
    """Return which elements dropout keeps."""
    return element_words(count, step, layer, KEY) < np.uint32(round((1 - rate) * 2**32))


@over_sizes
@pytest.mark.parametrize("name", [*ACTIVATION_CODES, None])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_bias_activation_and_dropout(launch, rows, width, name, rate):
    """Value and slope; what dropout drops is 0 in both, what it keeps is scaled by 1 / (1 - rate)."""
    z, bias, step, layer = 3 * launch.normal(rows, width), launch.normal(width, seed=1), 4, 2
    threshold = np.uint32(round((1 - rate) * 2**32) if rate else 0)
    _, _, y, slope, _ = launch(
        "elementwise", "bias_activation", rows * width, z, bias, launch.empty(rows, width), launch.empty(rows, width),
        control(epoch_step=step), np.int32(rows), np.int32(width), np.int32(ACTIVATION_CODES.get(name, 0)),
        np.uint32(layer), threshold, launch.real(1 / (1 - rate)),
    )  # fmt: skip
    factor = 1.0
    if rate:
        factor = keeps(rows * width, step, layer, rate).reshape(rows, width) / (1 - rate)
    value, derivative = activation(name, z + bias)
    launch.agrees(y, value * factor, 2)
    launch.agrees(slope, derivative * factor, 2)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_masks_keep_their_share_and_are_independent(launch, rate):
    """Over steps, layers and epochs: the share within four standard deviations, and no correlation between masks."""
    rows, width = 64, 128
    ones, threshold = np.ones((rows, width), launch.dtype), np.uint32(round((1 - rate) * 2**32))
    masks = []
    for step, layer, key in [(0, 2, KEY), (1, 2, KEY), (0, 5, KEY), (0, 2, (KEY[0], KEY[1] + 1))]:
        _, _, y, _, _ = launch(
            "elementwise", "bias_activation", rows * width, ones, launch.empty(width) * 0, ones, ones,
            control(epoch_step=step, key=key), np.int32(rows), np.int32(width), np.int32(0), np.uint32(layer),
            threshold, launch.real(1),
        )  # fmt: skip
        masks.append(y.ravel() - (1 - rate))
    deviation = np.sqrt(rate * (1 - rate) / masks[0].size)
    for index, mask in enumerate(masks):
        assert abs(mask.mean()) < 4 * deviation
        assert abs((mask[1:] * mask[:-1]).mean()) < 5 * rate * (1 - rate) / np.sqrt(mask.size)
        for other in masks[:index]:
            assert abs((mask * other).mean()) < 5 * rate * (1 - rate) / np.sqrt(mask.size)


@over_sizes
@pytest.mark.parametrize("name", ["relu", "gelu", None])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_batch_norm_activation_and_dropout(launch, rows, width, name, rate):
    """Normalised by the batch's statistics; the running ones move, the variance's unbiased. Two rows at least."""
    rows += rows == 1
    step, layer, momentum, eps = 4, 2, 0.1, 1e-5
    z = 3 * launch.normal(rows, width) + 2
    bias, gamma, beta, mean = (launch.normal(width, seed=seed) for seed in range(1, 5))
    variance = launch.normal(width, seed=5) ** 2
    threshold = np.uint32(round((1 - rate) * 2**32) if rate else 0)
    matrix = launch.empty(rows, width)
    outputs = launch(
        "by_columns", "bias_norm_activation", width, z, bias, gamma, beta, mean, variance, launch.empty(width), matrix,
        matrix, matrix, control(epoch_step=step), np.int32(rows), np.int32(width), launch.real(momentum),
        launch.real(eps), np.int32(ACTIVATION_CODES.get(name, 0)), np.uint32(layer), threshold,
        launch.real(1 / (1 - rate)),
    )  # fmt: skip
    shifted = z.astype(np.float64) + bias
    inverse = 1 / np.sqrt(shifted.var(axis=0) + eps)
    unit = (shifted - shifted.mean(axis=0)) * inverse
    factor = keeps(rows * width, step, layer, rate).reshape(rows, width) / (1 - rate) if rate else 1.0
    value, slope = activation(name, unit * gamma + beta)
    launch.agrees(outputs[4], 0.9 * mean + 0.1 * shifted.mean(axis=0), 2)
    launch.agrees(outputs[5], 0.9 * variance + 0.1 * shifted.var(axis=0, ddof=1), 2)
    launch.agrees(outputs[6], inverse, 2 / min(1, shifted.std(axis=0).min()))
    near = np.abs(unit * gamma + beta) > 1e-4  # elsewhere rounding may choose another side of relu's kink
    launch.agrees(outputs[7], unit, 20 * inverse.max())
    launch.agrees(outputs[8], value * factor, 20 * max(1, inverse.max()))
    launch.agrees(outputs[9][near], np.broadcast_to(slope * factor, near.shape)[near], 20 * max(1, inverse.max()))
