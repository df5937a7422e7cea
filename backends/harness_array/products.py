"""The namespace's own matrix products, and the kernels that its BLAS may use, for `harness bench`."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from harness.interfaces import Product
from harness.machine.kernels import VARIABLE, candidates
from harness_array.devices import Device


def repeatable(device: Device, products: Sequence[Product], dtype: Any) -> Callable[[], None]:
    """Return a function that does each product (m, k) · (k, n) once, and waits for the device when all are queued.

    On an accelerator equal products share their memory, so that a list of many costs no more than one of a few.
    """
    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> Any:
        return device.to_device(rng.random((rows, columns), dtype=np.float32).astype(dtype))

    def made(product: Product) -> tuple[Any, Any, Any]:
        m, k, n = product
        return matrix(m, k), matrix(k, n), device.xp.empty((m, n), dtype=dtype)

    with device.current():
        make = cache(made) if device.accelerated else made
        operands = [make(product) for product in products]

    def run() -> None:
        with device.current():
            for left, right, out in operands:
                device.xp.matmul(left, right, out=out)
            device.synchronize()

    return run


def openblas_kernels(blas: str) -> Mapping[str, Mapping[str, str]]:
    """Return OpenBLAS's kernels that this processor may run, where ``blas`` is OpenBLAS; else none."""
    return {kernel: {VARIABLE: kernel} for kernel in candidates()} if blas.startswith("openblas") else {}
