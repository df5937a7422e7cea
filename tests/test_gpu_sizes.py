"""Sizes at which an index of 32 bits would end, on a CUDA device: large sets, batches and images, the most elements.

Each test runs on the double of CuPy too, at a small size, so that a machine without a GPU exercises it.
"""

import numpy as np
import pytest

from harness.interfaces import Activation, BatchNorm, Conv2d, GlobalAveragePool, Linear, MaxPool2d, NetworkSpec
from harness.optimizers import Adam
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.kernels.buffers import CONTROL
from harness_array.kernels.channels import chunks
from harness_array.kernels.module import CHUNK, Kernels
from harness_array.kernels.plan import MOST_ELEMENTS
from tests.doubles import needs_compiler, strict_cupy
from tests.image_networks import built
from tests.networks import labelled_images
from tests.test_gpu_parity import skip_unless_available

__all__ = ["strict_cupy"]

GIB = 1 << 30
ROWS, WIDTH = MOST_ELEMENTS // 8 - 1, 8


def in_both_places(device, double):
    """Give a test its size on a CUDA device, as ``size``, and that on the double."""
    values = [
        pytest.param(("device", device), marks=pytest.mark.gpu, id="device"),
        pytest.param(("double", double), marks=[needs_compiler, pytest.mark.slow], id="double"),
    ]
    return pytest.mark.parametrize("size", values, indirect=True)


@pytest.fixture
def size(request):
    """Return a test's size, where it can run; what the pool keeps of earlier tests, and of it, goes back."""
    place, size = request.param
    if place == "double":
        request.getfixturevalue("strict_cupy")
    else:
        skip_unless_available(CupyBackend(), "cuda")
    import cupy

    cupy.get_default_memory_pool().free_all_blocks()
    yield size
    cupy.get_default_memory_pool().free_all_blocks()


def network(image, layers, batch):
    return NetworkSpec(image, 10, layers, batch_size=batch, gradient="mean")


def convolutional(image):
    """Return a convolution, a norm and a mean over the image."""
    inputs = image[2] if len(image) == 3 else 1
    return (
        Conv2d(inputs, 3, 3, padding=1), BatchNorm(3), Activation("tanh"), MaxPool2d(2),
        Conv2d(3, 3, 3, stride=2, padding=1), GlobalAveragePool(), Linear(3, 10),
    )  # fmt: skip


@pytest.mark.parametrize("placement", ["stream", "resident"])
@in_both_places(2 * GIB // 784 + 500, 300)
def test_the_last_rows_of_a_large_set_are_found(size, placement):
    """Of 2 GiB of images: the epochs and predictions of a set of the last rows alone, bit for bit."""
    few, labels = labelled_images(200, (28, 28), 10)
    many = np.zeros((size, 28, 28), np.uint8)
    many[-200:] = few
    spec = network((28, 28), convolutional((28, 28)), 64)
    sets = (many, np.concatenate([np.zeros(size - 200, np.int64), labels])), (few, labels)
    keys = {"precision": "float32", "placement": placement, "optimizer": Adam()}
    stats, expected = (built(CupyBackend(), spec, images, **keys) for images in sets)
    for epoch in range(2):
        losses = [
            each.train_epoch(epoch, np.arange(200) + first, 1e-3).losses
            for each, first in ((stats, size - 200), (expected, 0))
        ]
        np.testing.assert_array_equal(*losses)
    np.testing.assert_array_equal(stats.predict(np.arange(size - 200, size)), expected.predict(np.arange(200)))
    for made in (stats, expected):
        made.close()


@pytest.mark.parametrize(
    ("image", "size"),
    [
        pytest.param((28, 28), ("device", 4096), marks=pytest.mark.gpu, id="4096-on-the-device"),
        pytest.param((224, 224, 3), ("device", 12), marks=pytest.mark.gpu, id="large-on-the-device"),
        pytest.param((9, 10, 3), ("double", 5), marks=[needs_compiler, pytest.mark.slow], id="double"),
    ],
    indirect=["size"],
)
def test_large_batches_and_images_are_numpys(image, size):
    """Two batches and a smaller one, in float64, from graphs."""
    spec, images = network(image, convolutional(image), size), labelled_images(2 * size + 3, image, 10)
    networks = [built(backend, spec, images) for backend in (CupyBackend(), NumpyBackend())]
    assert networks[0].launch == "graph"
    losses = [each.train_epoch(0, np.arange(2 * size + 3), 1e-3).losses for each in networks]
    np.testing.assert_allclose(*losses, rtol=1e-9)
    networks[0].close()


def room(arrays_of_most):
    """Skip where the device lacks room for these arrays of the most elements, in float32."""
    import cupy

    free, needed = cupy.cuda.runtime.memGetInfo()[0], 4 * MOST_ELEMENTS * arrays_of_most + GIB
    if free < needed:
        pytest.skip(f"the device has {free / GIB:.0f} GiB free, this needs {needed / GIB:.0f}")


@in_both_places(ROWS, 2 * CHUNK + 5)
def test_the_last_of_the_most_elements_are_computed(size):
    """Forward and backward of pixels by channels: the first and the last rows, and the sums of chunks."""
    import cupy

    room(3)
    kernels, form = Kernels(cupy, np.float32), (np.int32(size), np.int32(WIDTH))
    rng = np.random.default_rng(0)
    ends, shift = rng.normal(size=(50, WIDTH)).astype(np.float32), rng.normal(size=WIDTH).astype(np.float32)
    z, y, slope = cupy.ones((size, WIDTH), np.float32), *(cupy.empty((size, WIDTH), np.float32) for _ in range(2))
    z[-50:].set(ends)
    bias, control = cupy.empty(WIDTH, np.float32), cupy.zeros(CONTROL.itemsize, np.uint8)
    bias.set(shift)
    relu = np.int32(1), np.uint32(0), np.uint32(0), np.float32(1)
    kernels.elementwise("bias_activation", z.size, z, bias, y, slope, control, *form, *relu)()
    np.testing.assert_array_equal(y[-50:].get(), np.maximum(ends + shift, 0))
    np.testing.assert_array_equal(y[:50].get(), np.maximum(np.ones((50, WIDTH), np.float32) + shift, 0))
    parts = chunks(size)
    sums, total = cupy.empty((parts, WIDTH), np.float32), cupy.empty(WIDTH, np.float32)
    kernels.by_chunks("chunk_activation_backward", (parts, WIDTH), z, slope, y, sums, *form, np.int32(CHUNK))()
    np.testing.assert_array_equal(y[-50:].get(), ends * slope[-50:].get())
    last = y[(parts - 1) * CHUNK :].get()
    np.testing.assert_allclose(sums[-1:].get()[0], last.sum(axis=0, dtype=np.float64), rtol=1e-4, atol=1e-4)
    kernels.by_columns("column_sums", WIDTH, sums, total, np.int32(parts), np.int32(WIDTH))()
    np.testing.assert_allclose(total.get(), sums.get().sum(axis=0, dtype=np.float64), rtol=1e-4, atol=1e-2)


@in_both_places((MOST_ELEMENTS // (224 * 224 * 27), 224), (3, 4))
def test_the_last_of_the_most_patches_are_copied_and_added_up(size):
    """Patches of 3 × 3 of colour images, and the image's gradient from theirs."""
    import cupy

    room(1.3)
    rows, side = size
    kernels, image = Kernels(cupy, np.float32), (rows, side, side, 3)
    form = map(np.int32, (side, side, 3, side, side, 3, 1, 1))
    form = tuple(form)
    x, last = cupy.zeros(image, np.float32), np.random.default_rng(0).normal(size=(side, side, 3)).astype(np.float32)
    x[-1].set(last)
    patches = cupy.empty((rows * side * side, 27), np.float32)
    kernels.elementwise("patches", patches.size, x, patches, np.int32(patches.size), *form)()
    padded = np.pad(last, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    np.testing.assert_array_equal(patches[-side * side :].get(), windows.reshape(side * side, 27))
    kernels.elementwise("patches_backward", x.size, patches, x, np.int32(x.size), *form)()
    counts = np.convolve(np.ones(side), np.ones(3), "same")  # how many patches a line or a column is in
    np.testing.assert_allclose(x[-1].get(), last * np.outer(counts, counts)[..., None], rtol=1e-5, atol=1e-6)
