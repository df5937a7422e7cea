"""Kernels in CUDA C++, run on the host by `host_cuda`, whose every argument is checked against its parameter."""

import ctypes

import host_cuda
import numpy as np

from cupy import _account, _memory, _order
from cupy._arrays import ndarray

_MOST_THREADS = 1024


class RawModule:
    """A source, compiled when its first kernel is asked for."""

    def __init__(
        self,
        code=None,
        *,
        path=None,
        options=(),
        backend="nvrtc",
        translate_cucomplex=False,
        enable_cooperative_groups=False,
        name_expressions=None,
        jitify=None,
    ):
        if (path, backend, translate_cucomplex, enable_cooperative_groups, name_expressions, jitify) != (
            None, "nvrtc", False, False, None, None,
        ):  # fmt: skip
            raise NotImplementedError("the double's RawModule takes code and options alone")
        if not isinstance(code, str) or not isinstance(options, tuple):
            msg = f"code must be str, options a tuple: {type(code).__name__}, {type(options).__name__}"
            raise TypeError(msg)
        code.encode("ascii")  # CuPy writes it to a file in the locale's encoding, which may lack the rest
        self.code, self.options = code, options

    def compile(self, log_stream=None):  # noqa: ARG002 - CuPy's signature
        """Compile it."""
        from cupy.cuda.compiler import CompileException

        try:
            return host_cuda.load(self.code, self.options)
        except host_cuda.CompileError as error:
            raise CompileException(str(error), self.code, "kernels.cu", self.options) from error

    def get_function(self, name):
        """Return one of its kernels."""
        module = self.compile()
        if name not in module.kernels:
            msg = f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}"
            raise RuntimeError(msg)
        return RawKernel(module, name)


class RawKernel:
    """A kernel."""

    def __init__(self, module, name):
        self._module, self.name = module, name
        self._parameters = module.kernels[name]

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        """Launch it on a stream, the current one by default, or let that capture it."""
        if shared_mem:
            raise NotImplementedError("the double's kernels have no dynamic shared memory")
        grid, block = (_three(self.name, kind, sizes) for kind, sizes in (("grid", grid), ("block", block)))
        if np.prod(block) > _MOST_THREADS:
            msg = f"CUDA_ERROR_INVALID_VALUE: {self.name}: a block of {block} has more than {_MOST_THREADS} threads"
            raise ValueError(msg)
        if grid[1] > 65535 or grid[2] > 65535 or grid[0] >= 1 << 31:
            msg = f"CUDA_ERROR_INVALID_VALUE: {self.name}: a grid of {grid} is too large"
            raise ValueError(msg)
        if len(args) != len(self._parameters):
            msg = f"{self.name} takes {len(self._parameters)} arguments, not {len(args)}"
            raise TypeError(msg)
        values, reads, writes = [], [], []
        for parameter, argument in zip(self._parameters, args, strict=True):
            if parameter.pointer:
                values.append(self._pointer(parameter, argument, reads, writes))
            else:
                values.append(self._scalar(parameter, argument))
        self._refuse_overlaps(args)
        from cupy.cuda._streams import Operation

        operation = Operation(self.name, lambda: self._module.run(self.name, grid, block, values), reads, writes)
        operation.submit(_order.current() if stream is None else stream.key)

    def _pointer(self, parameter, argument, reads, writes):
        place = f"{self.name}: {parameter.name}"
        if isinstance(argument, np.generic) and argument.dtype.itemsize == ctypes.sizeof(ctypes.c_void_p):
            if argument != 0:
                msg = f"{place} is a bare address: pass the array"
                raise TypeError(msg)
            return ctypes.c_void_p(None)
        if not isinstance(argument, ndarray):
            msg = f"{place} must be a cupy.ndarray, not {type(argument).__name__}"
            raise TypeError(msg)
        host = argument._host
        if argument.device.id != _account.Device.current:
            msg = f"{place} is on device {argument.device.id}, the current one is {_account.Device.current}"
            raise ValueError(msg)
        if not host.flags.c_contiguous:
            msg = f"{place} is not contiguous: a kernel gets nothing but its address"
            raise ValueError(msg)
        if not _fits(parameter, host.dtype):
            msg = f"{place} has elements of {parameter.kind}{parameter.itemsize}, the array of {host.dtype}"
            raise TypeError(msg)
        start, size = host.__array_interface__["data"][0], host.nbytes
        if start % parameter.alignment:
            msg = f"cudaErrorMisalignedAddress: {place} must be aligned to {parameter.alignment} bytes"
            raise ValueError(msg)
        if size and size < parameter.size:
            msg = f"{place} points to {parameter.size} bytes, the array has {size}"
            raise ValueError(msg)
        (reads if parameter.const else writes).append((start, size))
        return ctypes.c_void_p(start)

    def _scalar(self, parameter, argument):
        place = f"{self.name}: {parameter.name}"
        if not isinstance(argument, np.generic):
            msg = f"{place} must be a NumPy scalar, not {type(argument).__name__}: of Python's, CuPy passes 8 bytes"
            raise TypeError(msg)
        if not _fits(parameter, argument.dtype):
            msg = f"{place} is {parameter.kind}{parameter.itemsize}, the argument {argument.dtype}"
            raise TypeError(msg)
        return (ctypes.c_char * argument.dtype.itemsize).from_buffer_copy(argument.tobytes())

    def _refuse_overlaps(self, args):
        """Raise where an array that ``__restrict__`` says is used by one name alone overlaps another one."""
        pointers = [
            (parameter, *_memory.extent(argument._host))
            for parameter, argument in zip(self._parameters, args, strict=True)
            if isinstance(argument, ndarray) and argument.size
        ]
        for index, (pointer, start, size) in enumerate(pointers):
            for other, first, length in pointers[:index]:
                overlap = start < first + length and first < start + size
                if overlap and pointer.restrict and other.restrict and not (pointer.const and other.const):
                    msg = f"{self.name}: {pointer.name} and {other.name} are __restrict__, and overlap"
                    raise ValueError(msg)


def _fits(parameter, dtype):
    if parameter.kind == "V":  # a structure in device memory: its bytes
        return dtype == np.uint8 or dtype.itemsize == parameter.size
    if dtype.itemsize != parameter.itemsize:
        return False
    return dtype.kind == parameter.kind or {dtype.kind, parameter.kind} == {"b", "u"}


def _three(name, kind, sizes):
    if not isinstance(sizes, tuple) or not 1 <= len(sizes) <= 3 or not all(isinstance(n, int) for n in sizes):
        msg = f"{name}: {kind} must be a tuple of one to three int, not {sizes!r}"
        raise TypeError(msg)
    if min(sizes) < 1:
        msg = f"{name}: {kind} {sizes} is empty: CuPy would launch one block of one thread"
        raise ValueError(msg)
    return (*sizes, 1, 1)[:3]
