"""A double of the cuBLAS library as ctypes loads it: products of matrices in the memory of the strict CuPy.

Matrices are column-major. It returns cuBLAS's error codes where cuBLAS would, and raises where a device would go wrong
without a word: addresses of no live array, an address cut to 32 bits, a capture without a workspace.
"""

import ctypes
import itertools

import numpy as np
from cupy import _account, _memory, _order
from cupy.cuda._streams import Operation

SUCCESS, NOT_INITIALIZED, INVALID_VALUE = 0, 1, 7
MATH_MODES = (0, 1, 2, 3, 16)  # default, tensor operations, pedantic, TF32, no reduced precision in reductions
INTEGERS = (ctypes.c_int, ctypes.c_size_t, ctypes.c_longlong)
_HANDLES = itertools.count(0x5000, 0x100)


class CublasMisuseError(AssertionError):
    """A call that cuBLAS would not refuse, and that would go wrong."""


class Function:
    """One function of the library: settable ``argtypes`` and ``restype``, as ctypes' functions have."""

    def __init__(self, name, kinds, run):
        self.name, self.argtypes, self.restype = name, None, ctypes.c_int
        self._kinds, self._run = kinds, run

    def __call__(self, *arguments):
        """Call it."""
        if len(arguments) != len(self._kinds):
            msg = f"{self.name} takes {len(self._kinds)} arguments, not {len(arguments)}"
            raise CublasMisuseError(msg)
        if self.argtypes is not None and len(self.argtypes) != len(self._kinds):
            msg = f"{self.name}: argtypes has {len(self.argtypes)} types, not {len(self._kinds)}"
            raise CublasMisuseError(msg)
        return self._run(*(self._value(i, kind, arguments[i]) for i, kind in enumerate(self._kinds)))

    def _value(self, index, kind, argument):
        declared = self.argtypes[index] if self.argtypes is not None else None
        if kind in INTEGERS:
            plain = argument.value if isinstance(argument, ctypes._SimpleCData) else argument
            typed = argument if isinstance(argument, ctypes._SimpleCData) else (declared or ctypes.c_int)(0)
            if type(plain) is not int or ctypes.sizeof(typed) != ctypes.sizeof(kind):
                msg = f"{self.name}: argument {index} must be {kind.__name__}, not {argument!r}"
                raise CublasMisuseError(msg)
            return plain
        if isinstance(argument, ctypes._SimpleCData):
            address = argument.value or 0
        elif isinstance(argument, int):
            if declared is not ctypes.c_void_p:
                msg = f"{self.name}: argument {index}: ctypes cuts an int to 32 bits: pass c_void_p, or set argtypes"
                raise CublasMisuseError(msg)
            return argument
        elif argument is None:
            return 0
        else:  # byref(x), a pointer, an array
            target = getattr(argument, "_obj", None)
            target = argument.contents if target is None and hasattr(argument, "contents") else target
            return argument if target is None else target
        return address


class Handle:
    """A handle: its device, stream, workspace and math mode."""

    def __init__(self):
        self.device, self.key = _account.Device.current, (_order.NULL, _account.Device.current)
        self.workspace = None
        self.math_mode = 0


class Library:
    """The library; ``handles`` are those that have not been destroyed, by their address."""

    def __init__(self):
        self.handles = {}
        integer, size, pointer = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p
        product = [pointer, integer, integer, integer, integer, integer, *[pointer, pointer, integer, pointer, integer]]
        product += [pointer, pointer, integer]
        self.cublasCreate_v2 = Function("cublasCreate_v2", [pointer], self._create)
        self.cublasDestroy_v2 = Function("cublasDestroy_v2", [pointer], self._destroy)
        self.cublasSetStream_v2 = Function("cublasSetStream_v2", [pointer, pointer], self._set_stream)
        self.cublasSetWorkspace_v2 = Function("cublasSetWorkspace_v2", [pointer, pointer, size], self._set_workspace)
        self.cublasSetMathMode = Function("cublasSetMathMode", [pointer, integer], self._set_math_mode)
        self.cublasSgemm_v2 = Function("cublasSgemm_v2", product, self._product(ctypes.c_float))
        self.cublasDgemm_v2 = Function("cublasDgemm_v2", product, self._product(ctypes.c_double))
        step = ctypes.c_longlong
        batched = [*product[:9], step, *product[9:11], step, *product[11:], step, integer]
        for name, scalar in (
            ("cublasSgemmStridedBatched", ctypes.c_float),
            ("cublasDgemmStridedBatched", ctypes.c_double),
        ):
            setattr(self, name, Function(name, batched, self._batched(scalar)))

    def _create(self, out):
        if not isinstance(out, ctypes.c_void_p):
            raise CublasMisuseError("cublasCreate_v2 takes the address of a c_void_p")
        out.value = next(_HANDLES)
        self.handles[out.value] = Handle()
        return SUCCESS

    def _destroy(self, address):
        return SUCCESS if self.handles.pop(address, None) else NOT_INITIALIZED

    def _set_stream(self, address, stream):
        handle = self.handles.get(address)
        if handle is None:
            return NOT_INITIALIZED
        key = _order.Order.handles.get(stream, (_order.NULL, handle.device) if stream == _order.NULL else None)
        if key is None or key[1] != handle.device:
            msg = f"cublasSetStream_v2: {stream:#x} is no stream of device {handle.device}"
            raise CublasMisuseError(msg)
        handle.key, handle.workspace = key, None  # cuBLAS goes back to its own workspace
        return SUCCESS

    def _set_workspace(self, address, workspace, size):
        handle = self.handles.get(address)
        if handle is None:
            return NOT_INITIALIZED
        if workspace % 256:
            return INVALID_VALUE
        _memory.block_at(workspace, size)
        handle.workspace = workspace, size
        return SUCCESS

    def _set_math_mode(self, address, mode):
        handle = self.handles.get(address)
        if handle is None:
            return NOT_INITIALIZED
        if mode not in MATH_MODES:
            return INVALID_VALUE
        handle.math_mode = mode
        return SUCCESS

    def _product(self, scalar):
        dtype = np.dtype(scalar)
        name = {"float32": "Sgemm", "float64": "Dgemm"}[dtype.name]

        def gemm(address, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
            return self._queue(name, scalar, address, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)

        return gemm

    def _batched(self, scalar):
        dtype = np.dtype(scalar)
        name = {"float32": "Sgemm batched", "float64": "Dgemm batched"}[dtype.name]

        def gemm(address, transa, transb, m, n, k, alpha, a, lda, step_a, b, ldb, step_b, beta, c, ldc, step_c, count):
            if count < 0:
                return INVALID_VALUE
            if count > 1 and step_c < (n - 1) * ldc + m:
                msg = f"{name}: the outputs overlap: they are {step_c} elements apart"
                raise CublasMisuseError(msg)
            steps = step_a, step_b, step_c, count
            return self._queue(
                name, scalar, address, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, steps
            )

        return gemm

    def _queue(
        self, name, scalar, address, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, steps=(0, 0, 0, 1)
    ):
        """Queue products of matrices that are ``steps`` elements apart, the last of the steps being their count."""
        handle = self.handles.get(address)
        if handle is None:
            return NOT_INITIALIZED
        rows_a, rows_b = (k if transa else m), (n if transb else k)
        wrong = lda < max(1, rows_a) or ldb < max(1, rows_b) or ldc < max(1, m)
        if wrong or min(m, n, k) < 0 or not {transa, transb} <= {0, 1, 2}:
            return INVALID_VALUE
        *steps, count = steps
        if not m or not n or not count:
            return SUCCESS
        factors = [_scalar(name, scalar, value) for value in (alpha, beta)]
        dtype = np.dtype(scalar)
        matrices = [
            _Matrices(a, rows_a, m if transa else k, lda, dtype, steps[0], count),
            _Matrices(b, rows_b, k if transb else n, ldb, dtype, steps[1], count),
            _Matrices(c, m, n, ldc, dtype, steps[2], count),
        ]
        workspace = [handle.workspace] if handle.workspace else []
        if handle.key in _order.Order.capturing and not workspace:
            msg = f"{name} in a capture without cublasSetWorkspace_v2 (after cublasSetStream_v2, which resets it)"
            raise CublasMisuseError(msg)
        spans = [matrix.span for matrix in matrices]
        _refuse_overlaps(name, spans)
        Operation(
            name, lambda: _multiply(*matrices, transa, transb, *factors), spans[:2], [spans[2], *workspace]
        ).submit(handle.key)
        return SUCCESS


class _Matrices:
    """Column-major matrices in device memory, one after another."""

    def __init__(self, address, rows, columns, stride, dtype, step, count):
        self._form = (count, rows, columns), tuple(dtype.itemsize * size for size in (step, 1, stride))
        self._dtype = dtype
        last = (columns - 1) * stride + rows + (count - 1) * step if rows and columns else 0
        self.span = address, last * dtype.itemsize

    def view(self):
        """Return them (count, rows, columns) as a NumPy view of that memory."""
        address, size = self.span
        flat = np.frombuffer((ctypes.c_char * size).from_address(address), self._dtype)
        return np.lib.stride_tricks.as_strided(flat, *self._form)


def _multiply(a, b, c, transa, transb, alpha, beta):
    left, right, out = (matrices.view() for matrices in (a, b, c))
    with np.errstate(all="ignore"):
        for index in range(len(out)):
            first = left[index].T if transa else left[index]
            result = np.matmul(first, right[index].T if transb else right[index])
            result = result if alpha == 1 else result * out.dtype.type(alpha)
            # With beta 0 the output is not read.
            out[index] = result + out[index] * out.dtype.type(beta) if beta else result


def _scalar(name, kind, value):
    """Return alpha or beta: their addresses are of the host, whose pointer mode is the default."""
    if isinstance(value, int):
        if not value or _memory.is_device_address(value):
            msg = f"{name}: alpha and beta are read from the host's memory"
            raise CublasMisuseError(msg)
        return kind.from_address(value).value
    if not isinstance(value, kind):
        msg = f"{name}: alpha and beta must be {kind.__name__}, not {type(value).__name__}"
        raise CublasMisuseError(msg)
    return value.value


def _refuse_overlaps(name, spans):
    start, size = spans[2]
    for first, length in spans[:2]:
        if start < first + length and first < start + size:
            msg = f"{name}: the output overlaps an operand"
            raise CublasMisuseError(msg)


def install():
    """Take the library's place in this process, which may be one that a test has spawned."""
    from harness_array.kernels import cublas

    cublas.library = Library
