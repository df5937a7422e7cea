"""The last blocks of kernels at the most elements that they have: an index of 32 bits that overflows is a wild address.

Arrays are gigabytes of addresses, of which memory is taken where something is written.
"""

import ctypes
import mmap
import sys

import numpy as np
import pytest

from harness_array.kernels import module
from harness_array.kernels.buffers import CONTROL
from harness_array.kernels.module import CHUNK, COLUMNS, LANES, THREADS
from harness_array.kernels.plan import MOST_ELEMENTS
from tests.doubles import needs_compiler, strict_cupy

__all__ = ["strict_cupy"]

pytestmark = [
    needs_compiler,
    pytest.mark.usefixtures("strict_cupy"),
    pytest.mark.skipif(sys.platform != "linux", reason="addresses without memory are Linux's"),
]
NO_RESERVE = 0x4000
"""Linux's MAP_NORESERVE, which Python knows from 3.13 on."""
WIDTH = 8
PIXELS = MOST_ELEMENTS // WIDTH - 1
SIDE = 224
IMAGE = SIDE, SIDE, 3
RNG = np.random.default_rng(0)


def virtual(*shape, dtype=np.float32):
    """Return zeros that take memory where they are written."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
    except OSError as error:
        pytest.skip(f"this system gives no {size >> 30} GiB of addresses without memory: {error}")
    return np.frombuffer(memory, dtype).reshape(shape)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def integers(*numbers):
    return [np.int32(number) for number in numbers]


def launch(name, blocks, block, *arguments, last=2):
    """Run the last blocks of a grid."""
    import host_cuda

    kernels = host_cuda.load(module.source(), ("-std=c++17", "-DREAL=float"))
    assert len(arguments) == len(kernels.kernels[name])
    values = [
        ctypes.c_void_p(value.ctypes.data)
        if isinstance(value, np.ndarray)
        else (ctypes.c_char * value.itemsize).from_buffer_copy(value.tobytes())
        for value in arguments
    ]
    kernels.run(name, (blocks, 1, 1), (*block, 1, 1)[:3], values, max(0, blocks - last))


def elementwise(name, count, *arguments):
    launch(name, -(-count // THREADS), (THREADS,), *arguments)


def by_chunks(name, *arguments):
    launch(name, -(-PIXELS // CHUNK), (COLUMNS, LANES), *arguments, *integers(PIXELS, WIDTH, CHUNK), last=1)


def agree(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "dtype"), [("gather_bytes", np.uint8), ("gather_floats", np.float32)])
def test_rows_of_a_set_of_more_than_two_billion_values_are_gathered(name, dtype):
    """The whole set may have more elements than a batch's matrix."""
    rows, width = 3_000_000, 784
    vectors, last = virtual(rows, width, dtype=dtype), RNG.integers(0, 256, (2, width)).astype(dtype)
    vectors[-2:] = last
    order, labels = np.array([rows - 1, rows - 2]), np.array([4, 5])
    out, gathered, control = virtual(2, width), np.zeros(2, np.int32), np.zeros(CONTROL.itemsize, np.uint8)
    divisor = [np.float32(1)] if dtype == np.uint8 else []
    launch(
        name, -(-2 * width // THREADS), (THREADS,),
        vectors, order, labels, out, gathered, control, *integers(2, 2, width), *divisor, np.int32(1), last=1_000,
    )  # fmt: skip
    np.testing.assert_array_equal(out, last[::-1])
    np.testing.assert_array_equal(gathered, labels)


def test_values_of_pixels():
    """Activations, batch norm and the sum of two matrices."""
    count, form = PIXELS * WIDTH, integers(PIXELS, WIDTH)
    z, y, slope, last = *(virtual(PIXELS, WIDTH) for _ in range(3)), normal(50, WIDTH)
    z[-50:] = last
    bias, gamma, beta, mean, inverse = normal(5, WIDTH)
    control = np.zeros(CONTROL.itemsize, np.uint8)
    plain = np.int32(0), np.uint32(0), np.uint32(0), np.float32(1)
    elementwise("bias_activation", count, z, bias, y, slope, control, *form, *plain)
    agree(y[-50:], last + bias)
    assert (slope[-50:] == 1).all()
    normalised = virtual(PIXELS, WIDTH)
    arrays = z, bias, mean, inverse, gamma, beta, normalised, y, slope, control
    elementwise("channel_norm_activation", count, *arrays, *form, *plain)
    agree(normalised[-50:], (last + bias - mean) * inverse)
    agree(y[-50:], normalised[-50:] * gamma + beta)
    elementwise("residual_sum", count, z, normalised, y, np.int32(count))
    agree(y[-50:], last + normalised[-50:])


def test_sums_over_the_last_chunk():
    """Forward and backward, with and without a batch norm."""
    rows, chunks = (PIXELS - 1) % CHUNK + 1, -(-PIXELS // CHUNK)
    gradient, slope, normalised, out = (virtual(PIXELS, WIDTH) for _ in range(4))
    for matrix in (gradient, slope, normalised):
        matrix[-rows:] = normal(rows, WIDTH)
    first, second = (virtual(chunks, WIDTH) for _ in range(2))
    product = gradient[-rows:] * slope[-rows:]
    bias, gamma, inverse, along, level = normal(5, WIDTH)
    by_chunks("chunk_activation_backward", gradient, slope, out, first)
    agree(out[-rows:], product)
    np.testing.assert_allclose(first[-1], product.sum(axis=0, dtype=float), rtol=1e-4, atol=1e-3)
    by_chunks("channel_moments", gradient, bias, first, second)
    agree(first[-1], (gradient[-rows:] + bias).mean(axis=0))
    np.testing.assert_allclose(second[-1], gradient[-rows:].var(axis=0) * rows, rtol=1e-4)
    by_chunks("channel_gradient_sums", gradient, slope, normalised, first, second)
    sums = (product * normalised[-rows:]).sum(axis=0, dtype=float)
    np.testing.assert_allclose(second[-1], sums, rtol=1e-4, atol=1e-3)
    by_chunks("channel_norm_backward", gradient, slope, normalised, gamma, inverse, along, level, out, first)
    mean = normalised[-rows:] * (along / PIXELS) + level / PIXELS
    agree(out[-rows:], (product - mean) * gamma * inverse)


def test_patches_of_the_last_image():
    """Of 3 × 3, and the gradient of the image from theirs."""
    rows = MOST_ELEMENTS // (SIDE * SIDE * 27)
    x, patches, last = virtual(rows, *IMAGE), virtual(rows, SIDE, SIDE, 27), normal(*IMAGE)
    x[-1] = last
    form = integers(*IMAGE, SIDE, SIDE, 3, 1, 1)
    padded = np.pad(last, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
    elementwise("patches", patches.size, x, patches, np.int32(patches.size), *form)
    agree(patches[-1, -1, -5:], windows[-1, -5:].reshape(5, 27))
    patches[-1] = windows.reshape(SIDE, SIDE, 27)
    out = virtual(rows, *IMAGE)
    elementwise("patches_backward", out.size, patches, out, np.int32(out.size), *form)
    counts = np.where(np.arange(SIDE) == SIDE - 1, 2, 3)  # patches that a line has, or a column; the first has 2 too
    agree(out[-1, -1, -80:], last[-1, -80:] * 2 * counts[-80:, None])


@pytest.mark.parametrize("largest", [True, False])
def test_pools_of_the_last_image(largest):
    """Windows of 2 × 2, and their gradient."""
    rows = MOST_ELEMENTS // (SIDE * SIDE * 3)
    x, last, half = virtual(rows, *IMAGE), normal(*IMAGE), SIDE // 2
    x[-1] = last
    y, which = virtual(rows, half, half, 3), [virtual(rows, half, half, 3, dtype=np.int32)] * largest
    name, window = ("max_pool", [2]) if largest else ("average_pool", [2, 2])
    form = integers(*IMAGE, half, half, *window)
    elementwise(name, y.size, x, y, *which, np.int32(y.size), *form)
    windows = last.reshape(half, 2, half, 2, 3).swapaxes(1, 2).reshape(half, half, 4, 3)
    agree(y[-1, -1, -80:], (windows.max(axis=2) if largest else windows.mean(axis=2))[-1, -80:])
    y[-1] = gradient = normal(half, half, 3)
    for places in which:
        places[-1] = windows.argmax(axis=2)
    elementwise(f"{name}_backward", x.size, y, *which, x, np.int32(x.size), *form)
    shares = np.arange(4)[:, None] == windows.argmax(axis=2)[:, :, None] if largest else np.float32(0.25)
    spread = np.broadcast_to(gradient[:, :, None] * shares, windows.shape)
    expected = spread.reshape(half, half, 2, 2, 3).swapaxes(1, 2).reshape(IMAGE)
    agree(x[-1, -1, -80:], expected[-1, -80:])


def test_updates_of_the_last_parameters():
    """By Adam, and by descent."""
    count = MOST_ELEMENTS - 1
    theta, gradient, m, v = (virtual(count) for _ in range(4))
    gradient[-50:] = normal(50)
    control = np.zeros(1, CONTROL)
    control["rate"] = control["decay"] = control["clip"] = 1.0
    common = np.zeros(1, np.uint8), control.view(np.uint8), np.int32(count)
    numbers = [np.float32(number) for number in (0.9, 0.999, 0.1, 0.001, 0.0, 0.0)]
    elementwise("adam", count, theta, gradient, m, v, *common, *numbers)
    agree(m[-50:], 0.1 * gradient[-50:])
    agree(theta[-50:], -np.sign(gradient[-50:]) * 0.1 / np.sqrt(0.001))
    theta[-50:] = 0
    zero = np.float32(0)
    elementwise("sgd", count, theta, gradient, m, *common, zero, np.int32(0), zero, zero)
    agree(theta[-50:], -gradient[-50:])
