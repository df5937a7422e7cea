"""The namespace's own matrix products, and the kernels that its BLAS may use, for `harness bench`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.interfaces import Product
from harness_array.devices import Device

_OPENBLAS = {"avx2": "Haswell", "avx512vl": "SkylakeX", "avx512_bf16": "Cooperlake", "amx_tile": "Sapphirerapids"}
"""What Linux calls an instruction set, and OpenBLAS's kernel for it."""


def repeatable(device: Device, products: Sequence[Product], dtype: Any) -> Callable[[], None]:
    """Return a function that does each product (m, k) · (k, n) once, and waits for the device."""
    xp, rng = device.xp, np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> Any:
        return xp.asarray(rng.random((rows, columns), dtype=np.float32).astype(dtype))

    operands = [(matrix(m, k), matrix(k, n), xp.empty((m, n), dtype=dtype)) for m, k, n in products]

    def run() -> None:
        for left, right, out in operands:
            xp.matmul(left, right, out=out)
        device.synchronize()

    return run


def openblas_kernels(blas: str) -> Mapping[str, Mapping[str, str]]:
    """Return OpenBLAS's kernels that this processor can run, where ``blas`` is OpenBLAS and Linux tells; else none."""
    information = Path("/proc/cpuinfo")
    if not blas.startswith("openblas") or not information.exists():
        return {}
    flags = set(information.read_text(encoding="utf-8").split())
    return {kernel: {"OPENBLAS_CORETYPE": kernel} for flag, kernel in _OPENBLAS.items() if flag in flags}
