"""torch's own matrix products, for `harness bench`."""

from collections.abc import Callable, Sequence
from functools import cache

import torch

from harness.interfaces import Product
from harness_torch.library import library
from harness_torch.linear import product_of
from harness_torch.precision import full_float32


def repeatable(products: Sequence[Product], device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    """Return a function that does each product (m, k) · (k, n) once, and waits for the device when all are queued.

    By the library of linear layers. On CUDA equal products share their memory, so that a list of many costs no more
    than one of a few.
    """
    by_onednn = device.type == "cpu" and dtype == torch.float32 and library() == "onednn"
    generator = torch.Generator(device).manual_seed(0)

    def matrix(rows: int, columns: int) -> torch.Tensor:
        return torch.rand((rows, columns), generator=generator, device=device).to(dtype)

    def made(product: Product) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        m, k, n = product
        return matrix(m, k), matrix(k, n), torch.empty((m, n), dtype=dtype, device=device)

    make = cache(made) if device.type == "cuda" else made
    operands = [make(product) for product in products]

    def run() -> None:
        with full_float32(device):
            for left, right, out in operands:
                if by_onednn:
                    product_of(left, right.t())  # it cannot write into memory that is there
                else:
                    torch.mm(left, right, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run
