"""The backend ``sklearn``."""

from collections.abc import Callable

import harness
from harness.interfaces import Backend


@harness.hookimpl
def register_backends(register: Callable[[str, Callable[[], Backend] | str], None]) -> None:
    """Offer sklearn, imported when a suite asks for it."""
    register("sklearn", "harness_sklearn.backend:SklearnBackend")
