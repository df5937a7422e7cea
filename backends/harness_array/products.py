"""The namespace's own matrix products, and the kernels that its BLAS may use, for `harness bench`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.interfaces import Product
from harness.kernels import VARIABLE, candidates
from harness_array.devices import Device


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
    """Return OpenBLAS's kernels that this processor may run, where ``blas`` is OpenBLAS; else none."""
    return {kernel: {VARIABLE: kernel} for kernel in candidates()} if blas.startswith("openblas") else {}
