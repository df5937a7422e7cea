"""The double of cuBLAS multiplies, returns its error codes, and refuses what would go wrong without a word."""

import ctypes
from ctypes import byref, c_double, c_float, c_int, c_longlong, c_size_t, c_void_p

import numpy as np
import pytest

from tests.doubles import strict_cupy

__all__ = ["strict_cupy"]

SUCCESS, NOT_INITIALIZED, INVALID_VALUE = 0, 1, 7


@pytest.fixture
def library(strict_cupy):  # noqa: ARG001 - its path
    import strict_cublas

    return strict_cublas.Library()


@pytest.fixture
def handle(library):
    handle = c_void_p()
    assert library.cublasCreate_v2(byref(handle)) == SUCCESS
    yield handle
    assert library.cublasDestroy_v2(handle) == SUCCESS
    assert not library.handles


def on_device(cupy, values):
    array = cupy.empty(values.shape, values.dtype)
    array.set(np.ascontiguousarray(values))
    return array


def address(array):
    return c_void_p(array.data.ptr)


def gemm(library, handle, a, b, c, ta=0, tb=0, scalars=(1.0, 0.0), /, **changes):
    """Queue c = op(a) op(b) for row-major arrays: cuBLAS sees them transposed."""
    single = c.dtype == np.float32
    scalar, function = (c_float, library.cublasSgemm_v2) if single else (c_double, library.cublasDgemm_v2)
    m, n = c.shape
    values = {
        "handle": handle, "transa": tb, "transb": ta, "m": n, "n": m, "k": a.shape[0] if ta else a.shape[1],
        "alpha": byref(scalar(scalars[0])), "a": address(b), "lda": b.shape[1], "b": address(a), "ldb": a.shape[1],
        "beta": byref(scalar(scalars[1])), "c": address(c), "ldc": c.shape[1],
    }  # fmt: skip
    return function(*(values | changes).values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_products_are_numpys(strict_cupy, library, handle, dtype, transposed):
    """Both transpositions, alpha and beta; what beta = 0 overwrites is not read."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)).astype(dtype), rng.normal(size=(3, 7)).astype(dtype)
    sides = [on_device(strict_cupy, x.T if turned else x) for x, turned in zip((a, b), transposed, strict=True)]
    c = strict_cupy.empty((5, 7), dtype)
    assert np.isnan(c.get()).all()
    assert gemm(library, handle, *sides, c, *transposed) == SUCCESS
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-13}
    np.testing.assert_allclose(c.get(), a @ b, **tolerance)
    assert gemm(library, handle, *sides, c, *transposed, (2.0, 3.0)) == SUCCESS
    np.testing.assert_allclose(c.get(), 5 * (a @ b), **tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_a_batch_are_numpys(strict_cupy, library, handle, dtype):
    """Of matrices that are steps apart: here cᵢ = aᵢᵀ bᵢ, row-major, of three parts of the rows of a and b."""
    rng, single = np.random.default_rng(0), dtype == np.float32
    a, b = rng.normal(size=(12, 3)).astype(dtype), rng.normal(size=(12, 5)).astype(dtype)
    left, right, c = (*(on_device(strict_cupy, x) for x in (a, b)), strict_cupy.empty((3, 3, 5), dtype))
    scalar = c_float if single else c_double
    function = library.cublasSgemmStridedBatched if single else library.cublasDgemmStridedBatched

    def call(step=15, count=3):
        return function(
            handle, 0, 1, 5, 3, 4, byref(scalar(1)), address(right), 5, c_longlong(20), address(left), 3,
            c_longlong(12), byref(scalar(0)), address(c), 5, c_longlong(step), count,
        )  # fmt: skip

    assert call() == SUCCESS
    expected = np.einsum("pki,pkj->pij", a.reshape(3, 4, 3), b.reshape(3, 4, 5))
    np.testing.assert_allclose(c.get(), expected, rtol=1e-5 if single else 1e-12, atol=1e-6)
    assert call(count=-1) == INVALID_VALUE
    with pytest.raises(AssertionError, match="the outputs overlap: they are 14 elements apart"):
        call(14)
    with pytest.raises(AssertionError, match="past the end of their array"):
        call(count=4)


@pytest.fixture
def operands(strict_cupy):
    a, b = (on_device(strict_cupy, np.ones((4, 4), np.float32)) for _ in range(2))
    return a, b, strict_cupy.zeros((4, 4), np.float32)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"handle": c_void_p(7)}, NOT_INITIALIZED),
        ({"lda": 3}, INVALID_VALUE),
        ({"ldb": 3}, INVALID_VALUE),
        ({"ldc": 3}, INVALID_VALUE),
        ({"k": -1}, INVALID_VALUE),
        ({"transa": 3}, INVALID_VALUE),
        ({"m": 0}, SUCCESS),
    ],
)
def test_what_cublas_refuses_has_its_code(library, handle, operands, changes, code):
    assert gemm(library, handle, *operands, **changes) == code
    assert not operands[2].get().any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": 1 << 40}, "ctypes cuts an int to 32 bits"),
        ({"a": c_void_p(1 << 40)}, "is the address of no live array"),
        ({"m": 5, "lda": 5, "ldc": 5}, "past the end of their array"),
        ({"alpha": byref(c_double(1))}, "alpha and beta must be c_float, not c_double"),
        ({"beta": None}, "alpha and beta are read from the host's memory"),
        ({"m": np.int32(4)}, "argument 3 must be c_int"),
    ],
)
def test_what_would_go_wrong_without_a_word_raises(library, handle, operands, changes, message):
    with pytest.raises(AssertionError, match=message):
        gemm(library, handle, *operands, **changes)


def test_a_product_into_its_operand_raises(library, handle, operands):
    with pytest.raises(AssertionError, match="the output overlaps an operand"):
        gemm(library, handle, operands[0], operands[1], operands[1])


def test_argtypes_are_obeyed_as_by_ctypes(library, handle, operands):
    """With them plain numbers will do for addresses and sizes."""
    library.cublasSetWorkspace_v2.argtypes = [c_void_p, c_void_p, c_size_t]
    assert library.cublasSetWorkspace_v2(handle.value, operands[0].data.ptr, 64) == SUCCESS
    library.cublasSetMathMode.argtypes = [c_void_p, c_int]
    assert library.cublasSetMathMode(handle, 0) == SUCCESS
    assert library.cublasSetMathMode(handle, 9) == INVALID_VALUE
    with pytest.raises(AssertionError, match="takes 2 arguments, not 1"):
        library.cublasSetMathMode(handle)
    with pytest.raises(AssertionError, match="argument 2 must be c_ulong"):
        library.cublasSetWorkspace_v2(handle, c_void_p(operands[0].data.ptr), c_int(64))


def test_a_captured_product_needs_a_workspace_that_stays(strict_cupy, library, handle, operands):
    """Setting the stream takes the workspace away; with one the product is part of the graph."""
    a, _, c = operands
    strict_cupy.cuda.get_current_stream().synchronize()
    stream = strict_cupy.cuda.Stream(non_blocking=True)
    workspace = strict_cupy.empty(1 << 10, np.uint8)
    with stream:
        assert library.cublasSetWorkspace_v2(handle, address(workspace), c_size_t(1 << 10)) == SUCCESS
        assert library.cublasSetWorkspace_v2(handle, address(workspace[1:]), c_size_t(9)) == INVALID_VALUE
        assert library.cublasSetStream_v2(handle, c_void_p(stream.ptr)) == SUCCESS
        stream.begin_capture()
        with pytest.raises(AssertionError, match="in a capture without cublasSetWorkspace_v2"):
            gemm(library, handle, *operands)
        stream.end_capture()
        assert library.cublasSetWorkspace_v2(handle, address(workspace), c_size_t(1 << 10)) == SUCCESS
        stream.begin_capture()
        assert gemm(library, handle, *operands) == SUCCESS
        graph = stream.end_capture()
        assert not c.get().any()
        a.fill(2.0)
        graph.launch()
        np.testing.assert_array_equal(c.get(), 8)
        del workspace
        with pytest.raises(AssertionError, match="Sgemm of a graph uses the memory of an array that was freed"):
            graph.launch()


def test_a_product_runs_on_the_handles_stream(strict_cupy, library, handle, operands):
    """The current stream is another: what it does with the result before an event is a race."""
    strict_cupy.cuda.get_current_stream().synchronize()
    stream = strict_cupy.cuda.Stream(non_blocking=True)
    assert library.cublasSetStream_v2(handle, c_void_p(stream.ptr)) == SUCCESS
    with pytest.raises(AssertionError, match="is no stream of device 0"):
        library.cublasSetStream_v2(handle, c_void_p(3))
    assert gemm(library, handle, *operands) == SUCCESS
    with pytest.raises(AssertionError, match="with no event or wait between"):
        operands[2].get()
    strict_cupy.cuda.get_current_stream().wait_event(stream.record())
    np.testing.assert_array_equal(operands[2].get(), 4)


def test_it_has_no_function_that_is_not_in_use(library):
    with pytest.raises(AttributeError):
        library.cublasGemmEx(ctypes.c_void_p())
