"""The double of CuPy runs kernels and graphs on the host, and refuses what a device would refuse or get wrong."""

import ctypes

import numpy as np
import pytest

from tests.doubles import needs_compiler, strict_cupy

__all__ = ["strict_cupy"]

pytestmark = needs_compiler
SOURCE = """
extern "C" __global__ void scale(const float* __restrict__ x, float* __restrict__ y, int count, float factor) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) y[i] = x[i] * factor;
}

// the sum of a block's elements: a warp by shuffles, then the warps by shared memory
extern "C" __global__ void __launch_bounds__(128) total(const float* x, double* sums, int count) {
    __shared__ double parts[4];
    int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32;
    double sum = i < count ? x[i] : 0;
    for (int o = 16; o; o >>= 1) sum += __shfl_xor_sync(~0u, sum, o);
    if (lane == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) sums[blockIdx.x] = parts[0] + parts[1] + parts[2] + parts[3];
}

struct Pair { long long first; int second; };
extern "C" __global__ void aside(const float4* quads, Pair* pair, bool* flag) {
    if (quads[0].w > 0 && threadIdx.x == 0) { pair->second = 7; *flag = true; }
}

extern "C" __global__ void wild(float* x) {
    __syncthreads();
    x[1ll << 40] = 1;
}

extern "C" __global__ void divide(float* x, int by) { x[0] = 6 / by; }

extern "C" __global__ void half_wait(float* x) {
    if (threadIdx.x < 32) return;
    __syncthreads();
    x[0] = 1;
}
"""


@pytest.fixture
def kernels(strict_cupy):
    module = strict_cupy.RawModule(code=SOURCE, options=("-std=c++17",))
    return {name: module.get_function(name) for name in ("scale", "total", "aside", "wild", "divide", "half_wait")}


def on_device(cupy, values):
    array = cupy.empty(values.shape, values.dtype)
    array.set(values)
    return array


@pytest.fixture
def arrays(strict_cupy):
    x = on_device(strict_cupy, np.arange(1000, dtype=np.float32))
    return x, strict_cupy.empty(1000, np.float32)


def scale(kernel, x, y, factor=2.0, count=None, stream=None):
    grid = (-(-x.size // 256),)
    kernel(grid, (256,), (x, y, np.int32(x.size if count is None else count), np.float32(factor)), stream=stream)


def test_a_kernel_runs_on_the_host(kernels, arrays):
    x, y = arrays
    scale(kernels["scale"], x, y)
    np.testing.assert_array_equal(y.get(), 2 * x.get())


@pytest.mark.parametrize("order", range(4))
def test_barriers_and_shuffles_wait_in_every_order_of_threads(strict_cupy, kernels, arrays, order):
    import host_cuda

    x, _ = arrays
    sums = strict_cupy.empty(8, np.float64)
    module = host_cuda.load(SOURCE, ("-std=c++17",))
    module.order(order)
    kernels["total"]((8,), (128,), (x, sums, np.int32(1000)))
    module.order(0)
    padded = np.append(x.get(), np.zeros(24)).reshape(8, 128)
    np.testing.assert_array_equal(sums.get(), padded.sum(axis=1))


def test_a_barrier_that_some_threads_never_reach_is_an_error(kernels, arrays):
    with pytest.raises(AssertionError, match=r"half_wait: thread \d+ of block \(0, 0, 0\) has ended: others wait"):
        kernels["half_wait"]((1,), (64,), (arrays[1],))


def test_vectors_structures_and_flags_are_passed(strict_cupy, kernels):
    quads = on_device(strict_cupy, np.ones(8, np.float32))
    pair, flag = strict_cupy.zeros(16, np.uint8), strict_cupy.zeros(1, bool)
    kernels["aside"]((1,), (32,), (quads, pair, flag))
    assert pair.get().view(np.int32)[2] == 7
    assert flag.get()[0]
    with pytest.raises(ValueError, match="quads must be aligned to 16 bytes"):
        kernels["aside"]((1,), (32,), (quads[1:5], pair, flag))
    with pytest.raises(ValueError, match="pair points to 16 bytes, the array has 8"):
        kernels["aside"]((1,), (32,), (quads, pair[:8], flag))


WRONG = {
    "takes 4 arguments, not 3": lambda x, y: (x, y, np.int32(1)),
    "count must be a NumPy scalar, not int": lambda x, y: (x, y, 1, np.float32(1)),
    "count is i4, the argument int64": lambda x, y: (x, y, np.int64(1), np.float32(1)),
    "factor is f4, the argument float64": lambda x, y: (x, y, np.int32(1), np.float64(1)),
    "x must be a cupy.ndarray, not ndarray": lambda x, y: (x.get(), y, np.int32(1), np.float32(1)),
    "x is a bare address": lambda x, y: (np.uintp(x.data.ptr), y, np.int32(1), np.float32(1)),
    "x is not contiguous": lambda x, y: (x[::2], y, np.int32(1), np.float32(1)),
    "y has elements of f4, the array of int32": lambda x, _: (x, x.astype(np.int32), np.int32(1), np.float32(1)),
    "y and x are __restrict__, and overlap": lambda x, _: (x[:8], x[4:12], np.int32(1), np.float32(1)),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_argument_is_refused(kernels, arrays, message):
    """CuPy passes whatever it is given: the kernel reads the wrong bytes."""
    with pytest.raises((TypeError, ValueError), match=message):
        kernels["scale"]((1,), (1,), WRONG[message](*arrays))


@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((0,), (1,), "is empty"),
        ((1,), (1025,), "more than 1024 threads"),
        ((1, 70_000), (1,), "is too large"),
        (1, (1,), "tuple"),
    ],
)
def test_a_wrong_grid_is_refused(kernels, arrays, grid, block, message):
    with pytest.raises((TypeError, ValueError), match=message):
        kernels["scale"](grid, block, (*arrays, np.int32(1), np.float32(1)))


def test_an_array_of_another_device_is_no_argument(strict_cupy, kernels, arrays):
    with strict_cupy.cuda.Device(1), pytest.raises(ValueError, match="x is on device 0, the current one is 1"):
        scale(kernels["scale"], *arrays)


def test_a_write_past_the_end_is_found(kernels, arrays):
    x, y = arrays
    with pytest.raises(AssertionError, match="scale wrote past the end of an array"):
        scale(kernels["scale"], x, y, count=1001)


def test_a_wild_address_is_an_error_of_the_launch(kernels, arrays):
    """As on a device; the next launch is well."""
    x, y = arrays
    with pytest.raises(AssertionError, match=r"wild: thread 0 of block \(0, 0, 0\) used memory that is not there"):
        kernels["wild"]((1,), (64,), (x,))
    scale(kernels["scale"], x, y)
    np.testing.assert_array_equal(y.get(), 2 * x.get())


def test_a_division_of_integers_by_zero_is_an_error_of_the_launch(kernels, arrays):
    """A device would go on with any number."""
    x, _ = arrays
    with pytest.raises(AssertionError, match=r"divide: thread 0 of block \(0, 0, 0\) divided an integer by 0"):
        kernels["divide"]((1,), (1,), (x, np.int32(0)))
    kernels["divide"]((1,), (1,), (x, np.int32(2)))
    assert x.get()[0] == 3


def test_a_source_that_does_not_compile_raises_cupys_error(strict_cupy):
    from cupy.cuda.compiler import CompileException

    with pytest.raises(CompileException, match=r"kernels\.cu:1:"):
        strict_cupy.RawModule(code='extern "C" __global__ void f(int n) { none(n); }').get_function("f")


def test_a_graph_runs_what_was_captured_each_time_that_it_is_launched(strict_cupy, kernels, arrays):
    """A capture runs nothing; a launch reads what is in memory then."""
    x, y = arrays
    strict_cupy.cuda.get_current_stream().synchronize()
    stream = strict_cupy.cuda.Stream(non_blocking=True)
    with stream:
        y.fill(0.0)
        stream.begin_capture()
        assert stream.is_capturing()
        scale(kernels["scale"], x, y)
        graph = stream.end_capture()
        assert not y.get().any()
        for factor in (1, 3):
            x.set(np.full(1000, factor, np.float32))
            graph.launch()
            np.testing.assert_array_equal(y.get(), 2 * factor)


CAPTURED = {
    "calling cuBLAS API during stream capture is currently unsupported": lambda cupy, x, _: cupy.matmul(x, x),
    "not permitted when stream is capturing": lambda _, x, __: x.set(np.ones(1000, np.float32)),
    "operation not permitted when stream": lambda _, x, __: x.get(),
    "cudaErrorStreamCaptureUnsupported": lambda _, __, stream: stream.synchronize(),
    "not permitted when stream is": lambda cupy, *_: cupy.cuda.Device().synchronize(),
    "the double captures RawModule's kernels": lambda cupy, x, _: cupy.add(x, x, out=x),
}


@pytest.mark.parametrize("message", CAPTURED)
def test_what_cannot_be_captured_is_refused(strict_cupy, arrays, message):
    """What a device refuses ends the capture; what CuPy itself refuses does not."""
    strict_cupy.cuda.get_current_stream().synchronize()
    with strict_cupy.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        with pytest.raises((RuntimeError, NotImplementedError), match=message) as refused:
            CAPTURED[message](strict_cupy, arrays[0], stream)
        if refused.type is NotImplementedError:
            stream.end_capture()
        else:
            with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureInvalidated"):
                stream.end_capture()
        assert not stream.is_capturing()
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        strict_cupy.cuda.Stream.null.begin_capture()


def test_a_graph_does_not_keep_its_arrays(strict_cupy, kernels, arrays):
    x, _ = arrays
    strict_cupy.cuda.get_current_stream().synchronize()
    with strict_cupy.cuda.Stream(non_blocking=True) as stream:
        y = strict_cupy.empty(1000, np.float32)
        stream.begin_capture()
        scale(kernels["scale"], x, y)
        graph = stream.end_capture()
        del y
        with pytest.raises(AssertionError, match="uses the memory of an array that was freed"):
            graph.launch()


@pytest.mark.parametrize("order", ["event", "host", "blocking", "same", "nothing"])
def test_streams_that_nothing_orders_race(strict_cupy, kernels, arrays, order):
    """A write on one stream and a use on another need an event or a wait between; blocking streams order themselves."""
    x, y = arrays
    strict_cupy.cuda.get_current_stream().synchronize()
    first = strict_cupy.cuda.Stream(non_blocking=order != "blocking")
    second = {"blocking": strict_cupy.cuda.Stream.null, "same": first}.get(order)
    second = strict_cupy.cuda.Stream(non_blocking=True) if second is None else second
    scale(kernels["scale"], x, y, stream=first)
    if order == "event":
        second.wait_event(first.record())
    elif order == "host":
        first.synchronize()
    if order == "nothing":
        with pytest.raises(AssertionError, match=r"what stream 0x[0-9a-f]+ wrote, with no event or wait between"):
            scale(kernels["scale"], y, x, stream=second)
    else:
        scale(kernels["scale"], y[:500], x[500:], stream=second)


def test_reads_on_two_streams_do_not_race_but_a_write_after_one_does(strict_cupy, kernels, arrays):
    x, y = arrays
    z = strict_cupy.empty(1000, np.float32)
    strict_cupy.cuda.get_current_stream().synchronize()
    streams = [strict_cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    scale(kernels["scale"], x, y, stream=streams[0])
    scale(kernels["scale"], x, z, stream=streams[1])
    with streams[1], pytest.raises(AssertionError, match="copy from the host writes on stream"):
        x.set(np.ones(1000, np.float32))


def test_launches_are_counted(strict_cupy, kernels, arrays):
    from cupy import _order

    _order.Order.launched.clear()
    scale(kernels["scale"], *arrays)
    strict_cupy.add(*arrays, out=arrays[1])
    assert _order.Order.launched == {"scale": 1, "add": 1}


def test_addresses_are_those_of_memory(arrays):
    """Views have addresses in their array's memory, which starts at a multiple of 512 bytes, as the pool's does."""
    x, _ = arrays
    assert x.data.ptr % 512 == 0
    assert x[3:].data.ptr == x.data.ptr + 12
    assert ctypes.c_float.from_address(x[3:].data.ptr).value == 3
