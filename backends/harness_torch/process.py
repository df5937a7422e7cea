"""What a network sets of torch's state, which is the process's."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness_torch.precision import full_float32


def use_threads(threads: int) -> None:
    """Take ``threads`` for an operation on the CPU. Asking first is cheaper than setting."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


@contextmanager
def settings(device: torch.device, threads: int) -> Iterator[None]:
    """Take ``threads``, which stay, and on a CUDA device float32 in full for as long as the block lasts."""
    use_threads(threads)
    with full_float32(device):
        yield
