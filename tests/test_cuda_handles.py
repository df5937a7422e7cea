"""The CuPy step's handles, captures and memory when something is missing, on the double: nothing stays behind."""

import ctypes
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from harness_array.kernels import cublas
from harness_array.kernels.cublas import WORKSPACE_BYTES, Cublas
from harness_array.kernels.module import Kernels
from tests.doubles import needs_compiler, strict_cupy
from tests.test_cuda_step import IMAGES, ORDER, attached, launched

__all__ = ["strict_cupy"]

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("HARNESS_NO_GRAPH", raising=False)


def handles_of(monkeypatch):
    """Return the handles, of whichever copy of the library is made from here on, that have not been destroyed."""
    import strict_cublas

    handles, made = {}, strict_cublas.Library.__init__

    def make(self):
        made(self)
        self.handles = handles

    monkeypatch.setattr(strict_cublas.Library, "__init__", make)
    return handles


@pytest.mark.parametrize("which", [1, 2])
def test_without_room_for_a_workspace_no_handle_stays(strict_cupy, monkeypatch, which):
    """Neither its own nor the one before; what had room goes back to the device, which others may share."""
    handles = handles_of(monkeypatch)
    empty, shapes, freed = strict_cupy.empty, [], strict_cupy.get_default_memory_pool().freed

    def short(shape, *arguments, **keys):
        shapes.extend([shape] * (shape == WORKSPACE_BYTES))
        if shape == WORKSPACE_BYTES and len(shapes) == which:
            msg = f"Out of memory allocating {shape} bytes"
            raise MemoryError(msg)
        return empty(shape, *arguments, **keys)

    monkeypatch.setattr(strict_cupy, "empty", short)
    network = attached()
    assert network.launch == "eager"
    assert not handles
    assert strict_cupy.get_default_memory_pool().freed == freed + 1
    network.train_epoch(0, ORDER, 0.01)


@pytest.mark.usefixtures("strict_cupy")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_where_compilation_ends_no_handle_stays(monkeypatch, error):
    handles = handles_of(monkeypatch)

    def refuse(*_arguments):
        raise error

    monkeypatch.setattr(Kernels, "__init__", refuse)
    if issubclass(error, Exception):
        assert attached().launch == "eager"
    else:
        with pytest.raises(KeyboardInterrupt):
            attached()
    assert not handles


@pytest.mark.usefixtures("strict_cupy")
def test_another_set_has_no_more_handles(monkeypatch):
    """Those of the set before are destroyed; the network goes on from where it is."""
    handles = handles_of(monkeypatch)
    network, expected = attached(), attached()
    expected.train_epoch(0, ORDER, 0.01)
    network.train_epoch(0, ORDER, 0.01)
    before = len(handles)
    network.attach(*IMAGES)
    assert len(handles) == before
    assert launched(network)["graph"] == 5
    expected.train_epoch(0, ORDER, 0.01)
    for key, value in expected.state().items():
        np.testing.assert_array_equal(network.state()[key], value, err_msg=key)
    for built in (network, expected):
        built.close()
    assert not handles


@pytest.mark.usefixtures("strict_cupy")
def test_the_reason_of_a_capture_that_fails_is_what_failed_in_it(monkeypatch):
    """Not that the capture, whose second stream was not joined, could not be ended."""
    from cupy import _order

    check, expected, beside = Cublas._check, attached().train_epoch(0, ORDER, 0.01), []

    def refuse(self, function, *arguments):
        captured = len(_order.Order.capturing) > 1  # on both streams
        beside.extend([self] * captured)
        if captured and len(beside) > 1:
            msg = f"cuBLAS: {function} returned status 14"
            raise RuntimeError(msg)
        check(self, function, *arguments)

    monkeypatch.setattr(Cublas, "_check", refuse)
    network = attached()
    assert network.launch == "eager"
    assert network._fused.failure == "RuntimeError: cuBLAS: cublasDgemm_v2 returned status 14"
    assert not _order.Order.capturing
    np.testing.assert_array_equal(network.train_epoch(0, ORDER, 0.01).losses, expected.losses)


@pytest.mark.usefixtures("strict_cupy")
def test_an_interruption_leaves_no_stream_capturing(monkeypatch):
    from cupy import _order

    check = Cublas._check

    def interrupt(self, function, *arguments):
        if _order.Order.capturing:
            raise KeyboardInterrupt
        check(self, function, *arguments)

    monkeypatch.setattr(Cublas, "_check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        attached()
    assert not _order.Order.capturing


def test_a_library_of_no_known_path_is_found_by_its_name(monkeypatch):
    """`ctypes.CDLL(None)` would be this program, which has no cuBLAS."""
    pathfinder = ModuleType("cuda.pathfinder")
    pathfinder.load_nvidia_dynamic_lib = lambda _name: SimpleNamespace(abs_path=None)
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", pathfinder)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: f"loaded {name}")
    assert cublas.library() == "loaded libcublas.so.13"
