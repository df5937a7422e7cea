"""The double of CuPy captures several streams, which events fork and join, as the runtime does."""

import numpy as np
import pytest

from tests.doubles import needs_compiler, strict_cupy

__all__ = ["strict_cupy"]

pytestmark = needs_compiler
_SOURCE = 'extern "C" __global__ void copy(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }'


@pytest.fixture
def copies(strict_cupy):
    """Return (origin, side, copy), two streams and a function that copies on one of them, and three arrays."""
    kernel = strict_cupy.RawModule(code=_SOURCE).get_function("copy")
    arrays = [strict_cupy.zeros(4, dtype=np.float32) for _ in range(3)]
    strict_cupy.cuda.get_current_stream().synchronize()
    origin, side = (strict_cupy.cuda.Stream(non_blocking=True) for _ in range(2))

    def copy(x, y, stream):
        with stream:
            kernel((1,), (4,), (arrays[x], arrays[y]))

    return origin, side, copy, arrays


def test_a_fork_that_is_joined_is_captured(copies):
    """The graph runs both streams' kernels in an order that the events allow."""
    origin, side, copy, arrays = copies
    origin.begin_capture()
    copy(0, 1, origin)
    side.wait_event(origin.record())
    assert side.is_capturing()
    copy(1, 2, side)
    origin.wait_event(side.record())
    copy(2, 0, origin)
    graph = origin.end_capture()
    assert not side.is_capturing()
    with origin:
        arrays[0].set(np.arange(4, dtype=np.float32))
        graph.launch()
        np.testing.assert_array_equal(arrays[2].get(), np.arange(4))


def test_a_fork_that_is_not_joined_ends_the_capture(copies):
    origin, side, copy, _ = copies
    origin.begin_capture()
    side.wait_event(origin.record())
    copy(1, 2, side)
    with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureUnjoined"):
        origin.end_capture()
    assert not side.is_capturing()


def test_an_event_from_before_the_capture_ends_it(copies):
    """What it marks is no part of the graph."""
    origin, side, _, _ = copies
    event = side.record()
    origin.begin_capture()
    with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureIsolation"):
        origin.wait_event(event)
    with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureInvalidated"):
        origin.end_capture()


def test_a_captured_event_is_not_waited_for_outside(copies):
    origin, side, copy, _ = copies
    origin.begin_capture()
    copy(0, 1, origin)
    event = origin.record()
    origin.end_capture()
    with pytest.raises(RuntimeError, match="cudaErrorCapturedEvent"):
        event.synchronize()
    with pytest.raises(RuntimeError, match="cudaErrorStreamCapture"):
        side.wait_event(event)


def test_streams_of_a_graph_that_nothing_orders_race(copies):
    """Here the side stream reads what the origin writes after the fork."""
    origin, side, copy, _ = copies
    origin.begin_capture()
    side.wait_event(origin.record())
    copy(0, 1, origin)
    copy(1, 2, side)
    origin.wait_event(side.record())
    graph = origin.end_capture()
    with pytest.raises(AssertionError, match="with no event or wait between"):
        graph.launch(origin)
