"""torch's own matrix products, for `harness bench`."""

from collections.abc import Callable, Sequence

import torch

from harness.interfaces import Product


def repeatable(products: Sequence[Product], device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    """Return a function that does each product (m, k) · (k, n) once, and waits for the device."""
    generator = torch.Generator(device).manual_seed(0)

    def matrix(rows: int, columns: int) -> torch.Tensor:
        return torch.rand((rows, columns), generator=generator, device=device).to(dtype)

    operands = [(matrix(m, k), matrix(k, n), torch.empty((m, n), dtype=dtype, device=device)) for m, k, n in products]

    def run() -> None:
        for left, right, out in operands:
            torch.mm(left, right, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run
