"""Arrays of other libraries than NumPy, where they are installed: what works on every backend is tried on each."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from harness.conformance.clauses import require

LIBRARIES = {"torch": ("torch", "tensor"), "jax": ("jax.numpy", "asarray")}
"""By name, the module and the function that makes an array of NumPy's."""


def converter(library: str) -> Callable[[Any], Any]:
    """Return what makes a library's arrays of NumPy's; skip the test where the library is not installed."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    module, function = LIBRARIES[library]
    convert: Callable[[Any], Any] = getattr(import_module(module), function)
    return convert


def compiled(function: Callable[..., Any], clause: str, *arguments: Any) -> Any:
    """Return what a function returns when it is compiled; fail the test where a branch on a value prevents that."""
    convert = converter("jax")
    jax = import_module("jax")
    try:
        return jax.jit(function)(*map(convert, arguments))
    except jax.errors.JAXTypeError as error:
        got = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0]
        require(False, clause, "a function that jax.jit compiles", got)
