"""Networks from scratch over NumPy's or CuPy's namespace: backends ``numpy`` and ``cupy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.interfaces import Backend


@hookimpl
def register_backends(register: Callable[[str, Callable[[], Backend] | str], None]) -> None:
    """Offer both, each imported when first asked for."""
    register("numpy", "harness_array.backends:NumpyBackend")
    register("cupy", "harness_array.backends:CupyBackend")
