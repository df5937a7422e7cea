"""NVIDIA's run-time compiler by ctypes: it needs neither a driver nor a GPU."""

import ctypes
from pathlib import Path

try:
    import nvidia
except ImportError:
    _PLACES: list[str] = []
else:
    _PLACES = list(nvidia.__path__)


def _library():
    """Return the newest NVRTC among the wheels that are installed, None where there is none."""
    libraries = sorted(path for place in _PLACES for path in Path(place).glob("*/lib/libnvrtc.so.*"))
    if not libraries:
        return None
    for builtins in libraries[-1].parent.glob("libnvrtc-builtins.so.*"):  # which the library asks for by its name alone
        ctypes.CDLL(str(builtins))
    return ctypes.CDLL(str(libraries[-1]))


LIBRARY = _library()


class CompileError(Exception):
    """What NVRTC says of a source."""


def compiled(source, architecture, *options):
    """Return the machine code (a cubin) for ``architecture``, such as sm_90, and the compiler's log.

    Raises:
        CompileError: the source has a mistake.
    """
    program = ctypes.c_void_p()
    _check(LIBRARY.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None))
    try:
        arguments = [f"--gpu-architecture={architecture}".encode(), *(option.encode() for option in options)]
        code = LIBRARY.nvrtcCompileProgram(program, len(arguments), (ctypes.c_char_p * len(arguments))(*arguments))
        log = _read(LIBRARY.nvrtcGetProgramLogSize, LIBRARY.nvrtcGetProgramLog, program)
        if code:
            raise CompileError(log.decode())
        return _read(LIBRARY.nvrtcGetCUBINSize, LIBRARY.nvrtcGetCUBIN, program), log.rstrip(b"\0").decode()
    finally:
        LIBRARY.nvrtcDestroyProgram(ctypes.byref(program))


def _read(measure, read, program):
    size = ctypes.c_size_t()
    _check(measure(program, ctypes.byref(size)))
    content = ctypes.create_string_buffer(size.value)
    _check(read(program, content))
    return content.raw


def _check(code):
    assert code == 0, f"NVRTC: error {code}"
