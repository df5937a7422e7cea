"""The strict double of CuPy in CuPy's place."""

import shutil
import sys
from pathlib import Path

import array_api_compat
import pytest

from harness_array.kernels import cublas

STRICT_CUPY = Path(__file__).parent / "strict_cupy"
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

    So it is with cuBLAS.
    """
    for name in _loaded():
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(STRICT_CUPY)
    monkeypatch.setattr(cublas, "library", cublas.library)  # which the double replaces, here and in spawned processes
    import cupy

    yield cupy
    for name in _loaded():
        del sys.modules[name]
    if hasattr(array_api_compat, "cupy"):  # the next test's double has other classes
        del array_api_compat.cupy
