"""The strict double of CuPy in CuPy's place."""

import shutil
import sys
from pathlib import Path
from types import ModuleType

import array_api_compat
import pytest

from harness_array.kernels import cublas

STRICT_CUPY = Path(__file__).parent / "strict_cupy"
_KEPT: dict[str, ModuleType] = {}
_NAMES = {"cupy", "cupyx", "cupy_backends", "strict_cublas"}
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is not installed: it compiles kernels for the host"
)


def _loaded():
    return [
        name for name in sys.modules if name.partition(".")[0] in _NAMES or name.startswith("array_api_compat.cupy")
    ]


@pytest.fixture
def strict_cupy(monkeypatch):
    """Return the double, which is what ``import cupy`` finds here and in spawned processes; it has two devices.

    So it is with cuBLAS. Its modules stay loaded from test to test; what they know of a device does not.
    """
    for name in _loaded():
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(STRICT_CUPY)
    sys.modules.update(_KEPT)
    if "array_api_compat.cupy" in _KEPT:
        array_api_compat.cupy = _KEPT["array_api_compat.cupy"]
    monkeypatch.setattr(cublas, "library", cublas.library)
    import cupy
    import strict_cublas

    strict_cublas.install()
    cupy.reset()
    yield cupy
    for name in _loaded():
        _KEPT[name] = sys.modules.pop(name)
    if hasattr(array_api_compat, "cupy"):
        del array_api_compat.cupy


def device_bytes(cupy):
    """Return a hook that counts, within its block, the ``bytes`` of the device's memory that are in use."""

    class Held(cupy.cuda.MemoryHook):
        bytes = 0

        def malloc_postprocess(self, *, mem_size, **_):
            self.bytes += mem_size

        def free_postprocess(self, *, mem_size, **_):
            self.bytes -= mem_size

    return Held()
