"""How a failure is reported: what was expected, what came, and which clause of the contract says so."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np
import pytest
from numpy.typing import ArrayLike

from harness.errors import TrialError

T = TypeVar("T")


def failed(message: str) -> NoReturn:
    """Fail the test; the message is all that is shown, and no error that is being handled."""
    raise pytest.fail.Exception(message, pytrace=False) from None


def broken(clause: str, expected: str, got: object) -> NoReturn:
    """Fail the test; the message is all that is shown."""
    failed(f"expected {expected}; got {got}; contract: {clause}")


def require(condition: object, clause: str, expected: str, got: object) -> None:
    """Fail the test unless a condition is true."""
    if not condition:
        broken(clause, expected, got)


def accepted(clause: str, expected: str, read: Callable[..., T], *arguments: Any) -> T:
    """Return what a run reads from a plugin; fail the test where the run would fail the trial."""
    try:
        return read(*arguments)
    except TrialError as error:
        broken(clause, expected, str(error))


@contextmanager
def explained(clause: str) -> Iterator[None]:
    """Add the clause that is broken to any exception raised within the block."""
    try:
        yield
    except Exception as error:
        error.add_note(f"contract: {clause}")
        raise


def require_equal(got: object, wanted: object, clause: str, what: str) -> None:
    """Fail the test unless two values are equal."""
    require(got == wanted, clause, f"{what} {wanted!r}", repr(got))


def require_close(got: ArrayLike, wanted: ArrayLike, tolerance: ArrayLike, clause: str, what: str) -> None:
    """Fail the test where an array is further than ``tolerance`` from what is wanted; NaN is close to nothing.

    ``tolerance``: one for all, or one for each value.
    """
    returned, oracle = np.asarray(got, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    require(returned.shape == oracle.shape, clause, f"{what} of shape {oracle.shape}", f"shape {returned.shape}")
    allowed = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), oracle.shape)
    beyond = np.abs(returned - oracle) - allowed
    if bool((beyond <= 0.0).all()):
        return
    where = np.unravel_index(int(np.argmax(np.where(np.isnan(beyond), np.inf, beyond))), beyond.shape)
    place = f" at {[int(index) for index in where]}" if where else ""
    broken(
        clause,
        f"{what} {oracle[where]:.6g}{place}, within {allowed[where]:.2g}",
        f"{returned[where]:.6g}{_factor(returned, oracle, allowed)}",
    )


def require_same(got: Any, wanted: Any, clause: str, what: str) -> None:
    """Fail the test unless two arrays have the same dtype, shape and bits."""
    require_equal((str(got.dtype), got.shape), (str(wanted.dtype), wanted.shape), clause, f"{what}: dtype and shape")
    differ = int(np.count_nonzero(~((got == wanted) | ((got != got) & (wanted != wanted)))))  # noqa: PLR0124 - NaN
    require(not differ, clause, what, f"{differ} of {got.size} values that differ")


def _factor(returned: Any, oracle: Any, tolerance: Any) -> str:
    """Return the sentence that recognises a multiple: a wrong sign, a sum for a mean."""
    size = float((oracle * oracle).sum())
    if oracle.size < 2 or not size or not np.isfinite(returned).all():
        return ""
    factor = float((returned * oracle).sum()) / size
    if abs(factor - 1.0) < 1e-3 or (np.abs(returned - factor * oracle) > 100 * tolerance).any():
        return ""
    return f" (all of it is {factor:.4g} times the reference's)"


def declare(*keys: str) -> str:
    """Return the sentence that says what a backend does that cannot honour some keys."""
    names = " and ".join(repr(key) for key in keys)
    return f" A backend that cannot honour {names} must declare it in unsupported()"


def honoured(keys: Mapping[str, object]) -> str:
    """Return the clause about an experiment's keys that a backend does not decline."""
    settings = ", ".join(f"{key} = {value!r}" for key, value in keys.items())
    return f"NetworkSpec with {settings}.{declare(*keys)}"


def described(value: Any) -> str:
    """Return an array's type and shape in words."""
    return f"{getattr(value, 'dtype', type(value).__name__)} {np.shape(value)}"
