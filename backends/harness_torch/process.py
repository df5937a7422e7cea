"""What a network sets of torch's state, which is the process's."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness_torch.precision import full_float32


def use_threads(threads: int) -> None:
    """Take ``threads`` for an operation on the CPU.

    Whatever torch says it has: it asks OpenMP, whose number others set as well (`harness.machine.threads.limited`), and
    its MKL keeps the one that torch gave it last.
    """
    torch.set_num_threads(threads)


def keep_freed_memory() -> None:
    """Have glibc keep up to 62 MiB that a step frees for the next one, instead of giving it back to the system.

    It gives back what is free at the end of its heap beyond twice the largest block that was freed so far (mallopt(3),
    M_MMAP_THRESHOLD: at most 32 MiB counts). The activations of a convolutional network come to more than that, so that
    each step had its memory mapped anew, page by page: thousands of page faults, a quarter of the step. One block that
    is allocated and freed, its pages never touched, sets the limit. Another C library is left as it is.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


@contextmanager
def settings(device: torch.device, threads: int) -> Iterator[None]:
    """Take ``threads``, which stay, and on a CUDA device float32 in full for as long as the block lasts."""
    use_threads(threads)
    with full_float32(device):
        yield


def give_autograd_a_context(device: torch.device) -> None:
    """Have autograd's own thread launch something small on a CUDA device.

    Where its first operation is a product, which it is when autograd starts from a gradient by the logits, torch warns
    that there is no CUDA context yet, and makes one.
    """
    scalar = torch.ones((), device=device, requires_grad=True)
    torch.autograd.backward(scalar * scalar)
