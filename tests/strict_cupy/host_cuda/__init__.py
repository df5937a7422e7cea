"""Kernels in CUDA C++ on the host: compiled by g++ behind a shim, run a thread after the other."""

import atexit
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

COMPILER = shutil.which("g++")
MISSING = "g++ is not installed: kernels cannot be compiled for the host"
_HERE = Path(__file__).parent
_FOLDER = "HOST_CUDA_FOLDER"  # an environment variable, so that spawned processes find what is compiled already
_FLAGS = ["-O1", "-shared", "-fPIC", "-ffp-contract=off", "-fno-gnu-unique", "-U_FORTIFY_SOURCE", "-Wl,-Bsymbolic"]
_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(([^)]*)\)", re.DOTALL)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


class CompileError(Exception):
    """What the compiler said."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel, as the compiler sees it."""

    name: str
    restrict: bool
    pointer: bool
    const: bool
    kind: str
    """NumPy's letter of an element's kind; V: a structure."""
    itemsize: int
    size: int
    """Bytes of what is passed, or pointed to: for float4*, 16."""
    alignment: int


class Module:
    """The kernels of one source under one set of options."""

    def __init__(self, code, options):
        self._library = ctypes.CDLL(str(_compiled(code, options)))
        self._library.host_cuda_error.restype = ctypes.c_char_p
        self.kernels = {}
        for name, written in _signatures(code):
            self.kernels[name] = self._parameters(name, written)

    def _parameters(self, name, written):
        described = (ctypes.c_int * (6 * max(1, len(written))))()
        count = getattr(self._library, f"{name}__describe")(described)
        assert count == len(written), name
        rows = np.array(described[: 6 * count]).reshape(count, 6).tolist()
        return [
            Parameter(
                text.split()[-1].strip("*&"), "__restrict__" in text, bool(pointer), bool(const), chr(kind), *sizes
            )
            for text, (pointer, const, kind, *sizes) in zip(written, rows, strict=True)
        ]

    def run(self, name, grid, block, values, first=0):
        """Run a kernel with ctypes values, from one of its blocks on.

        Raises:
            AssertionError: its threads wait for one another in vain, or use memory that is not there.
        """
        self._library.host_cuda_first(first)
        pointers = (ctypes.c_void_p * max(1, len(values)))(*map(ctypes.addressof, values))
        three = ctypes.c_uint * 3
        if getattr(self._library, f"{name}__run")(pointers, three(*grid), three(*block)):
            msg = f"{name}: {self._library.host_cuda_error().decode()}"
            raise AssertionError(msg)

    def order(self, number):
        """Run threads and blocks from here on in ascending order (0), in descending order (1), or in another (2, …)."""
        self._library.host_cuda_order(number)


@cache
def load(code, options=()):
    """Return the module of a source; compiled once."""
    return Module(code, options)


def _signatures(code):
    for name, parameters in _KERNEL.findall(_COMMENT.sub("", code)):
        yield name, [" ".join(part.split()) for part in parameters.split(",") if part.strip()]


def _compiled(code, options):
    if COMPILER is None:
        raise CompileError(MISSING)
    unknown = [option for option in options if not option.startswith(("-D", "-std="))]
    if unknown:
        msg = f"the shim has no options {unknown}"
        raise NotImplementedError(msg)
    shim = "".join((_HERE / name).read_text() for name in ("device.h", "threads.h", "entry.h"))
    key = hashlib.sha256("\0".join([code, *options, shim]).encode()).hexdigest()[:20]
    library = _folder() / f"{key}.so"
    if not library.exists():
        source = library.with_suffix(f".{os.getpid()}.cpp")
        entries = "\n".join(f"HOST_CUDA_KERNEL({name})" for name, _ in _signatures(code))
        source.write_text(f'#include "entry.h"\n#line 1 "kernels.cu"\n{code}\n{entries}\n')
        compiled = source.with_suffix(".so")
        command = [COMPILER, "-std=c++17", *_FLAGS, *options, f"-I{_HERE}", "-o", str(compiled), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileError(done.stderr)
        compiled.replace(library)
    return library


def _folder():
    if _FOLDER not in os.environ:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="host-cuda-")
        atexit.register(shutil.rmtree, os.environ[_FOLDER], ignore_errors=True)
    return Path(os.environ[_FOLDER])
