"""PyTorch's modules and autograd: backend ``torch``, and plain PyTorch as the peer that backends are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Backend, Peer


@harness.hookimpl
def register_backends(register: Callable[[str, Callable[[], Backend] | str], None]) -> None:
    """Offer it, imported when first asked for."""
    register("torch", "harness_torch.backend:TorchBackend")


@harness.hookimpl
def register_peers(register: Callable[[str, Callable[[], Peer] | str], None]) -> None:
    """Offer plain PyTorch: tensors in memory, with a DataLoader, and in bfloat16."""
    register("torch-eager", "harness_torch.peers:Eager")
    register("torch-dataloader", "harness_torch.peers:WithDataLoader")
    register("torch-bfloat16", "harness_torch.peers:Bfloat16")
