"""Too little memory: a limit under which nothing would start, and errors that do not say what they came of."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

_resource: Any = None
with suppress(ImportError):  # Windows
    _resource = import_module("resource")  # now: where memory has run out, nothing can be loaded

NEEDED = 600 << 20
"""Bytes of addresses that a small run takes without torch. With fewer, each library fails in its own way while it is
loaded: OpenBLAS looks for room for ever."""

_LOADER = ("failed to map segment", "cannot allocate memory")
"""What the loader of libraries says when an address space is full."""
_THREADS = "can't start new thread"


def address_space() -> int | None:
    """Return how many bytes of addresses this process may use (``ulimit -v``), or None if there is no limit."""
    if _resource is None:
        return None
    limit: int = _resource.getrlimit(_resource.RLIMIT_AS)[0]
    return None if limit == _resource.RLIM_INFINITY else limit


def lacked_memory(error: BaseException) -> bool:
    """Return whether ``error`` came of too little memory.

    Where the address space is limited (``ulimit -v``), a library that finds no room is an ImportError, a thread's stack
    a RuntimeError, and CPython itself sometimes raises SystemError: an extension failed and could not even make its
    exception. Without a limit these have other causes.
    """
    if isinstance(error, MemoryError):
        return True
    if address_space() is None:
        return False
    if isinstance(error, ImportError):
        return any(words in str(error).lower() for words in _LOADER)
    return isinstance(error, SystemError) or (isinstance(error, RuntimeError) and _THREADS in str(error))
