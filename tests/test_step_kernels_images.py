"""The kernels of convolution and pooling against NumPy's layers: odd sizes, strides, paddings, precisions, orders."""

from math import prod

import numpy as np
import pytest

from harness.interfaces import AveragePool2d, Conv2d, GlobalAveragePool, MaxPool2d
from harness_array.convolution import ConvolutionLayer
from harness_array.maximum import MaxPoolLayer
from harness_array.patches import Patches
from harness_array.pooling import AveragePoolLayer, GlobalAveragePoolLayer
from tests.array_layers import site_of
from tests.doubles import needs_compiler, strict_cupy
from tests.step_kernels import launch

__all__ = ["launch", "strict_cupy"]

pytestmark = needs_compiler
CONVOLUTIONS = [
    (1, (1, 1, 1), (1, 1, 0)),
    (3, (5, 4, 3), (3, 1, 1)),
    (3, (5, 7, 1), (5, 1, 4)),
    (47, (4, 7, 5), (3, 2, 1)),
    (47, (6, 5, 1), (2, 3, 1)),
    (5, (9, 11, 3), (3, 2, 0)),
    (2, (7, 7, 2), (1, 2, 0)),
    (513, (3, 2, 5), (2, 1, 1)),
]
"""Rows, image, and kernel, stride and padding."""
POOLS = [(1, (1, 1, 1), 1), (3, (5, 4, 3), 2), (47, (7, 9, 1), 3), (5, (4, 6, 5), 1), (513, (3, 5, 1), 2)]
"""Rows, image and size: lines and columns are left over, or none are."""


def sizes(*numbers):
    """Return numbers as kernels take them."""
    return [np.int32(number) for number in numbers]


def convolution(image, form):
    """Return a convolution with two outputs, and the size of its output."""
    layer = Conv2d(image[-1], 2, *form)
    return layer, layer.output_shape(image)[:2]


@pytest.mark.parametrize(("rows", "image", "form"), CONVOLUTIONS)
def test_patches_are_numpys(launch, rows, image, form):
    """Every bit: nothing is computed."""
    x, (_, pixels) = launch.normal(rows, *image), convolution(image, form)
    expected = Patches(np, rows, image, *form, launch.dtype).of(x)
    count = expected.size
    _, patches = launch(
        "elementwise", "patches", count, x, launch.empty(*expected.shape), *sizes(count, *image, *pixels, *form)
    )
    np.testing.assert_array_equal(patches, expected)


@pytest.mark.parametrize(("rows", "image", "form"), CONVOLUTIONS)
def test_the_gradient_of_patches_is_numpys_gradient_of_the_image(launch, rows, image, form):
    """After the product with the weights: of NumPy's layer, in float64, whatever way that takes."""
    layer, pixels = convolution(image, form)
    weight = launch.normal(*layer.parameters(image)["weight"], seed=1)
    gradient = launch.normal(rows, *pixels, layer.outputs, seed=2)
    reference = ConvolutionLayer(layer, site_of(layer, image, rows, weight=weight, bias=np.zeros(layer.outputs)))
    reference.forward(np.zeros((rows, *image)), training=True)
    expected = reference.backward(gradient.astype(np.float64))
    patches = gradient.reshape(-1, layer.outputs) @ weight.reshape(-1, layer.outputs).T
    count = rows * prod(image)
    _, image_gradient = launch(
        "elementwise", "patches_backward", count, patches, launch.empty(rows, *image),
        *sizes(count, *image, *pixels, *form),
    )  # fmt: skip
    launch.agrees(image_gradient, expected, 20)


@pytest.mark.parametrize(("rows", "image", "form"), CONVOLUTIONS)
def test_the_gradient_of_patches_is_their_transpose(launch, rows, image, form):
    """〈patches(x), g〉 = 〈x, patches_backward(g)〉 for any x and g: an oracle without a layer."""
    _, pixels = convolution(image, form)
    patch = (rows * prod(pixels), form[0] ** 2 * image[-1])
    x, gradient = launch.normal(rows, *image), launch.normal(*patch, seed=1)
    numbers = *image, *pixels, *form
    _, spread = launch("elementwise", "patches", prod(patch), x, launch.empty(*patch), *sizes(prod(patch), *numbers))
    _, back = launch(
        "elementwise", "patches_backward", x.size, gradient, launch.empty(*x.shape), *sizes(x.size, *numbers)
    )
    inner = np.vdot(spread.astype(np.float64), gradient), np.vdot(x.astype(np.float64), back)
    launch.agrees(inner[0], inner[1], 10 * np.sqrt(prod(patch)))


def pooled(launch, x, size):
    """Return y and the places of the largest, by the kernel."""
    rows, *image = x.shape
    shape = rows, *MaxPool2d(size).output_shape(tuple(image))
    numbers = sizes(prod(shape), *image, *shape[1:3], size)
    _, y, which = launch(
        "elementwise", "max_pool", prod(shape), x, launch.empty(*shape), launch.empty(*shape, dtype=np.int32), *numbers
    )
    return y, which


@pytest.mark.parametrize(("rows", "image", "size"), POOLS)
@pytest.mark.parametrize("equal", [False, True], ids=["", "many are equal"])
def test_max_pooling_is_numpys(launch, rows, image, size, equal):
    """Forward and backward, every bit; of equal values the first counts, line by line."""
    x = launch.normal(rows, *image)
    x = np.round(x) if equal else x
    layer = MaxPool2d(size)
    reference = MaxPoolLayer(layer, site_of(layer, image, rows, dtype=launch.dtype))
    expected = reference.forward(x.copy(), training=True).copy()
    y, which = pooled(launch, x, size)
    np.testing.assert_array_equal(y, expected)
    gradient = launch.normal(*y.shape, seed=1)
    *_, image_gradient = launch(
        "elementwise", "max_pool_backward", x.size, gradient, which, launch.empty(*x.shape),
        *sizes(x.size, *image, *y.shape[1:3], size),
    )  # fmt: skip
    np.testing.assert_array_equal(image_gradient, reference.backward(gradient.copy()))


@pytest.mark.parametrize("place", range(4))
def test_a_largest_value_that_is_no_number_stays(launch, place):
    """Wherever in the window: a diverged network must show."""
    x = np.arange(4, dtype=launch.dtype)
    x[place] = np.nan
    y, which = pooled(launch, x.reshape(1, 2, 2, 1), 2)
    assert np.isnan(y)
    assert which.item() == place


@pytest.mark.parametrize(("rows", "image", "size"), POOLS)
@pytest.mark.parametrize("whole", [False, True], ids=["windows", "the image"])
def test_means_are_numpys(launch, rows, image, size, whole):
    """Of windows, and of whole images: forward and backward."""
    layer = GlobalAveragePool() if whole else AveragePool2d(size)
    kind = GlobalAveragePoolLayer if whole else AveragePoolLayer
    window = image[:2] if whole else (size, size)
    reference = kind(layer, site_of(layer, image, rows))
    x, shape = launch.normal(rows, *image), (rows, *layer.output_shape(image))
    numbers = *image, image[0] // window[0], image[1] // window[1], *window
    expected = reference.forward(x.astype(np.float64), training=True).copy()
    _, y = launch("elementwise", "average_pool", prod(shape), x, launch.empty(*shape), *sizes(prod(shape), *numbers))
    launch.agrees(y, expected, 2)
    gradient = launch.normal(*shape, seed=1)
    _, image_gradient = launch(
        "elementwise", "average_pool_backward", x.size, gradient, launch.empty(*x.shape), *sizes(x.size, *numbers)
    )
    launch.agrees(image_gradient, reference.backward(gradient.astype(np.float64)))


@pytest.mark.parametrize("count", [1, 3, 255, 257, 1551])
def test_the_sum_of_a_block_and_its_shortcut(launch, count):
    a, b = launch.normal(count), launch.normal(count, seed=1)
    *_, out = launch("elementwise", "residual_sum", count, a, b, launch.empty(count), np.int32(count))
    np.testing.assert_array_equal(out, a + b)
