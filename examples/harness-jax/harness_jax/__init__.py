"""The backend ``jax``."""

from collections.abc import Callable

import harness
from harness.interfaces import Backend


@harness.hookimpl
def register_backends(register: Callable[[str, Callable[[], Backend] | str], None]) -> None:
    """Offer jax, imported when a suite asks for it."""
    register("jax", "harness_jax.backend:JaxBackend")
