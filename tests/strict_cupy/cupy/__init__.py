"""A strict double of CuPy, for tests without a GPU: the names in use, over NumPy.

It refuses what CuPy refuses: to become a NumPy array implicitly, NumPy's arrays as operands, unknown keywords, an
``out`` of the wrong dtype, arrays of another device than the current one; and it raises where pinned memory is written
while an asynchronous copy from it is under way. What it lacks raises NotImplementedError. It says nothing of timing,
of streams' order on a device, or of the rounding of cuBLAS.
"""

from numpy import (
    bool_,
    complex64,
    complex128,
    dtype,
    e,
    finfo,
    float16,
    float32,
    float64,
    iinfo,
    inf,
    int8,
    int16,
    int32,
    int64,
    nan,
    newaxis,
    pi,
    uint8,
    uint16,
    uint32,
    uint64,
)  # fmt: skip

from cupy import _order, cuda, lib, random
from cupy._arrays import ndarray
from cupy._functions import (
    arange,
    array,
    asarray,
    asnumpy,
    concatenate,
    count_nonzero,
    einsum,
    empty,
    empty_like,
    matmul,
    max,  # noqa: A004 - CuPy's name
    ones,
    ones_like,
    result_type,
    sum,  # noqa: A004 - CuPy's name
    take,
    where,
    zeros,
    zeros_like,
)  # fmt: skip
from cupy._raw import RawKernel, RawModule
from cupy._ufuncs import LOOPS, ufunc

__version__ = "14.2.0+double"
globals().update({name: ufunc(name) for name in LOOPS if "." not in name})
__all__ = [  # noqa: PLE0604 - the ufuncs are defined by their table
    "bool_", "complex64", "complex128", "cuda", "dtype", "e", "finfo", "float16", "float32", "float64", "iinfo", "inf",
    "int8", "int16", "int32", "int64", "lib", "nan", "ndarray", "newaxis", "pi", "random", "uint8", "uint16", "uint32",
    "uint64", "RawKernel", "RawModule",
    "arange", "array", "asarray", "asnumpy", "concatenate", "count_nonzero", "einsum", "empty", "empty_like",
    "matmul", "max", "ones", "ones_like", "result_type", "sum", "take", "ufunc", "where", "zeros", "zeros_like",
    *(name for name in LOOPS if "." not in name),
]  # fmt: skip

_POOLS = cuda.Pool(), cuda.Pool()


def get_default_memory_pool():
    """Return the pool of device memory."""
    return _POOLS[0]


def get_default_pinned_memory_pool():
    """Return the pool of pinned memory."""
    return _POOLS[1]


def reset():
    """Forget all but the arrays that are alive: a new test begins, with device 0 as the current one."""
    _order.reset()
    for pool in _POOLS:
        pool.freed = 0


def __getattr__(name):
    """Return a function that says that the double lacks it: array_api_compat names all of CuPy at its import."""
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_args, **_keys):
        msg = f"the double has no cupy.{name}"
        raise NotImplementedError(msg)

    return missing


import strict_cublas  # noqa: E402 - it needs the module as it is now

strict_cublas.install()
