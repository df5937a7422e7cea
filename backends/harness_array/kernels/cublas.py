"""cuBLAS by ctypes: products that a graph can capture, which CuPy's cannot (its issue 6290)."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.interfaces import Array

WORKSPACE_BYTES = 32 << 20
"""What NVIDIA recommends for Hopper. A workspace of our own: one that cuBLAS allocates could not be captured."""
_SONAMES = ("libcublas.so.13", "libcublas.so.12")
_DEFAULT_MATH = 0  # CUBLAS_DEFAULT_MATH: float32 products in float32, without TF32
_OPERATIONS = {False: 0, True: 1}  # CUBLAS_OP_N, CUBLAS_OP_T


def library() -> Any:
    """Return cuBLAS, the copy that CuPy uses.

    Raises:
        OSError: there is none.
    """
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        if path := load_nvidia_dynamic_lib("cublas").abs_path:  # not known of every system's; None is this program
            return ctypes.CDLL(path)
    except (ImportError, RuntimeError):  # no pathfinder, or it finds none: a system's own CUDA
        pass
    for name in _SONAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    msg = f"cuBLAS is not among the libraries of this machine: neither {' nor '.join(_SONAMES)}"
    raise OSError(msg)


class Cublas:
    """A handle with its workspace, on a stream; products in the precision ``dtype``, float32 or float64.

    Raises:
        OSError: there is no cuBLAS.
        RuntimeError: cuBLAS refuses a call, here or where a product is queued; the text has the function's status.
    """

    def __init__(self, xp: Any, stream: Any, dtype: Any) -> None:
        self._library = library()
        self._handle = ctypes.c_void_p()
        self._check("cublasCreate_v2", ctypes.byref(self._handle))
        try:
            self._prepare(xp, stream)
        except BaseException:
            self.close()
            raise
        single = np.dtype(dtype) == np.float32
        self._gemm = "cublasSgemm_v2" if single else "cublasDgemm_v2"
        self._batched = "cublasSgemmStridedBatched" if single else "cublasDgemmStridedBatched"
        scalar: Any = ctypes.c_float if single else ctypes.c_double
        self._one, self._zero = scalar(1), scalar(0)

    def _prepare(self, xp: Any, stream: Any) -> None:
        """Give the handle its stream, its workspace and its precision."""
        self._workspace = xp.empty(WORKSPACE_BYTES, dtype=np.uint8)
        # In this order: a new stream resets the workspace.
        self._check("cublasSetStream_v2", self._handle, ctypes.c_void_p(stream.ptr))
        pointer, size = ctypes.c_void_p(self._workspace.data.ptr), ctypes.c_size_t(WORKSPACE_BYTES)
        self._check("cublasSetWorkspace_v2", self._handle, pointer, size)
        # The handle is ours alone, so CUPY_TF32 does not reach it; said all the same.
        self._check("cublasSetMathMode", self._handle, ctypes.c_int(_DEFAULT_MATH))

    def product(self, a: Array, b: Array, out: Array, *, a_t: bool = False, b_t: bool = False) -> Callable[[], None]:
        """Return a function that queues out = a b, with ``a_t`` aᵀ b, with ``b_t`` a bᵀ; all C-contiguous matrices.

        cuBLAS counts columns first: it is asked for outᵀ = bᵀ aᵀ.
        """
        rows, columns = out.shape
        inner = a.shape[0] if a_t else a.shape[1]
        arguments = (
            self._handle,
            ctypes.c_int(_OPERATIONS[b_t]),
            ctypes.c_int(_OPERATIONS[a_t]),
            ctypes.c_int(columns),
            ctypes.c_int(rows),
            ctypes.c_int(inner),
            ctypes.byref(self._one),
            ctypes.c_void_p(b.data.ptr),
            ctypes.c_int(b.shape[1]),
            ctypes.c_void_p(a.data.ptr),
            ctypes.c_int(a.shape[1]),
            ctypes.byref(self._zero),
            ctypes.c_void_p(out.data.ptr),
            ctypes.c_int(columns),
        )
        return lambda: self._check(self._gemm, *arguments)

    def products_of_parts(self, a: Array, b: Array, out: Array) -> Callable[[], None]:
        """Return a function that queues out[i] = aᵢᵀ bᵢ, aᵢ and bᵢ the rows of a (n, k) and b (n, m) in equal parts.

        out (parts, k · m), n a multiple of the parts; all C-contiguous.
        """
        (rows, inner), columns = a.shape, b.shape[1]
        count = len(out)
        part = rows // count
        arguments = (
            self._handle,
            ctypes.c_int(_OPERATIONS[False]),
            ctypes.c_int(_OPERATIONS[True]),
            ctypes.c_int(columns),
            ctypes.c_int(inner),
            ctypes.c_int(part),
            ctypes.byref(self._one),
            ctypes.c_void_p(b.data.ptr),
            ctypes.c_int(columns),
            ctypes.c_longlong(part * columns),
            ctypes.c_void_p(a.data.ptr),
            ctypes.c_int(inner),
            ctypes.c_longlong(part * inner),
            ctypes.byref(self._zero),
            ctypes.c_void_p(out.data.ptr),
            ctypes.c_int(columns),
            ctypes.c_longlong(inner * columns),
            ctypes.c_int(count),
        )
        return lambda: self._check(self._batched, *arguments)

    def close(self) -> None:
        """Destroy the handle; the workspace goes back to the pool."""
        if self._handle:
            handle, self._handle, self._workspace = self._handle, ctypes.c_void_p(), None
            self._check("cublasDestroy_v2", handle)

    def _check(self, function: str, *arguments: Any) -> None:
        status = getattr(self._library, function)(*arguments)
        if status:
            msg = f"cuBLAS: {function} returned status {status}"
            raise RuntimeError(msg)
