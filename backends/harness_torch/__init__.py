"""PyTorch's modules and autograd: backend ``torch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Backend


@harness.hookimpl
def register_backends(register: Callable[[str, Callable[[], Backend] | str], None]) -> None:
    """Offer it, imported when first asked for."""
    register("torch", "harness_torch.backend:TorchBackend")
