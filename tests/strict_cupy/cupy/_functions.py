"""CuPy's functions in use, with its own signatures."""

import numpy as np

from cupy import _account, _order
from cupy._arrays import ndarray
from cupy._ufuncs import operand

_CUBLAS = "calling cuBLAS API during stream capture is currently unsupported"


def empty(shape, dtype=float, order="C"):
    """Return an array of whatever was there."""
    return ndarray(shape, dtype, order)


def zeros(shape, dtype=float, order="C"):
    """Return zeros."""
    return ndarray.of(np.zeros(shape, dtype, order), name="zeros")


def ones(shape, dtype=float, order="C"):
    """Return ones."""
    return ndarray.of(np.ones(shape, dtype, order), name="ones")


def empty_like(prototype, dtype=None, order="K", subok=None, shape=None):
    """Return an array of that form."""
    form = np.empty_like(operand(prototype)._host, dtype, order, bool(subok), shape)
    return ndarray(form.shape, form.dtype, "C" if form.flags.c_contiguous else "F")


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    """Return zeros of that form."""
    return ndarray.of(np.zeros_like(operand(a)._host, dtype, order, bool(subok), shape))


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    """Return ones of that form."""
    return ndarray.of(np.ones_like(operand(a)._host, dtype, order, bool(subok), shape))


def arange(start, stop=None, step=1, dtype=None):
    """Return numbers at equal distances."""
    return ndarray.of(np.arange(start, dtype=dtype) if stop is None else np.arange(start, stop, step, dtype))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):  # noqa: ARG001 - CuPy's
    """Return a copy on the device; from the host it goes through pinned memory of a power of two, which is kept."""
    if isinstance(obj, ndarray):
        return obj.astype(dtype or obj.dtype, copy=bool(copy))
    host = np.array(obj, dtype)
    if host.ndim:
        _account.Host.staged = max(_account.Host.staged, 1 << (host.nbytes - 1).bit_length() if host.nbytes else 0)
    _order.refuse_in_capture()
    return ndarray.of(host, name="copy from the host")


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Return it as an array of the device."""
    return array(a, dtype, copy, order, blocking=blocking)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """Return a copy on the host."""
    return a.get(stream, order, out, blocking) if isinstance(a, ndarray) else np.asarray(a)


def take(a, indices, axis=None, out=None):
    """Gather, into ``out`` if given; there is no ``mode``."""
    result = np.take(operand(a)._host, operand(indices)._host, axis=axis, mode="wrap")
    if out is None:
        return ndarray.of(result, name="take")
    if out.dtype != a.dtype:
        raise TypeError("Output dtype mismatch")
    if out.shape != result.shape:
        raise ValueError("Output shape mismatch")
    out._write("take", result)
    return out


def max(a, axis=None, out=None, keepdims=False):  # noqa: A001 - CuPy's name
    """Return the largest elements."""
    return operand(a).max(axis, out, keepdims)


def sum(a, axis=None, dtype=None, out=None, keepdims=False):  # noqa: A001 - CuPy's name
    """Return sums."""
    return operand(a).sum(axis, dtype, out, keepdims)


def where(condition, x=None, y=None):
    """Return elements of the one or the other."""
    if x is None or y is None:
        raise NotImplementedError("the double's where() chooses")
    hosts = [getattr(operand(value), "_host", value) for value in (condition, x, y)]
    return ndarray.of(np.asarray(np.where(*hosts)))


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    """Return arrays one behind the other."""
    if (out, dtype, casting) != (None, None, "same_kind"):
        raise NotImplementedError("the double's concatenate() takes axis alone")
    return ndarray.of(np.concatenate([operand(value)._host for value in tup], axis))


def count_nonzero(a, axis=None):
    """Return how many elements are not zero."""
    return ndarray.of(np.asarray(np.count_nonzero(operand(a)._host, axis=axis)))


def einsum(*operands, **kwargs):
    """Return the sums over rows that batch norm asks for."""
    if set(kwargs) - {"dtype", "optimize"}:
        msg = f"Did not understand the following kwargs: {sorted(kwargs)}"
        raise TypeError(msg)
    _order.refuse_in_capture(_CUBLAS, NotImplementedError)
    if operands[0] != "ij,ij->j":
        raise NotImplementedError(operands[0])
    return ndarray.of(np.einsum(operands[0], *(operand(value)._host for value in operands[1:])), name="einsum")


def matmul(
    *args, axes=None, axis=None, keepdims=False, casting="same_kind", dtype=None, signature=None, order="K", out=None
):
    """Return a product of matrices or vectors, in ``out`` of its exact dtype and shape."""
    if (axes, axis, keepdims, casting, dtype, signature, order) != (None, None, False, "same_kind", None, None, "K"):
        raise NotImplementedError("the double's matmul() takes out alone")
    if len(args) != 2 or not all(isinstance(value, ndarray) for value in args):
        msg = f"Argument has incorrect type (expected cupy.ndarray, got {[type(value).__name__ for value in args]})"
        raise TypeError(msg)
    _order.refuse_in_capture(_CUBLAS, NotImplementedError)
    with np.errstate(all="ignore"):
        result = np.asarray(np.matmul(*(operand(value)._host for value in args)))
    if out is None:
        return ndarray.of(result, name="matmul")
    if not isinstance(out, ndarray):
        raise TypeError("`out` must be a tuple or `cupy.ndarray`")
    if out.dtype != result.dtype:
        raise ValueError("Not supported dtype combination.")
    if out.shape != result.shape:
        raise ValueError("Output array has an invalid size")
    out._write("matmul", result)
    return out


def result_type(*arrays_and_dtypes):
    """Return the dtype that they have together."""
    return np.result_type(*(getattr(value, "_host", value) for value in arrays_and_dtypes))
