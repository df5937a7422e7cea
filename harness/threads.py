"""How many threads the numeric libraries of this process may take."""

import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


def limited(threads: int) -> AbstractContextManager[Any]:
    """Return a block within which each of them takes at most ``threads``."""
    limits: AbstractContextManager[Any] = _controller(len(sys.modules)).limit(limits=threads)
    return limits


@lru_cache(maxsize=1)
def _controller(_loaded: int) -> ThreadpoolController:
    """Return what controls the libraries that are loaded: searched again after an import."""
    return ThreadpoolController()
