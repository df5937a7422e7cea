"""How many threads the numeric libraries of this process may take, and which BLAS NumPy has."""

import sys
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController, threadpool_info

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""The variables that limit the threads of libraries that are not loaded yet."""


def variables_of(threads: int) -> dict[str, str]:
    """Return the variables that limit the threads of libraries that a process loads."""
    return dict.fromkeys(VARIABLES, str(threads))


def limited(threads: int) -> AbstractContextManager[Any]:
    """Return a context manager within which each numeric library takes at most ``threads``."""
    limits: AbstractContextManager[Any] = _controller(len(sys.modules)).limit(limits=threads)
    return limits


@lru_cache(maxsize=1)
def _controller(_loaded: int) -> ThreadpoolController:
    """Return a controller of the loaded libraries; a new import makes a new one."""
    return ThreadpoolController()


@cache
def numpy_blas() -> str:
    """Return the BLAS of NumPy's matrix products, with its version and kernel: ``"openblas 0.3.30 Haswell"``."""
    return " ".join(numpy_library().values()) or "unknown"


def numpy_library() -> dict[str, str]:
    """Return the name, version and kernel of the BLAS of NumPy's matrix products; empty if unknown."""
    for pool in threadpool_info():
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]:
            about = {"name": pool["internal_api"], "version": pool["version"], "kernel": pool.get("architecture")}
            return {key: str(value) for key, value in about.items() if value}
    return {}
