"""Elementwise functions: CuPy's loops choose the dtypes, NumPy does the arithmetic."""

import numpy as np
import scipy.special

from cupy import _account, _order

_BOOL, _INTEGERS, _FLOATS, _COMPLEX = "?", "bBhHiIlLqQ", "efd", "FD"
_MIXED = ("qQ", "Qq")


def _same(nin, chars):
    return tuple(f"{char * nin}->{char}" for char in chars)


def _truth(chars):
    pairs = ["??", "qq", "QQ", *_MIXED, *(char * 2 for char in chars)]
    return tuple(f"{pair}->?" for pair in pairs)


_ANY = _BOOL + _INTEGERS + _FLOATS + _COMPLEX
_SMOOTH = _same(1, _FLOATS + _COMPLEX)
_DIVISION = tuple(f"{pair}->d" for pair in ("qq", *_MIXED, "QQ")) + _same(2, _FLOATS + _COMPLEX)
LOOPS = {
    **dict.fromkeys(("add", "subtract", "multiply", "maximum"), _same(2, _ANY)),
    **dict.fromkeys(("exp", "expm1", "log", "sqrt", "tanh"), _SMOOTH),
    "power": ("??->b", *_same(2, _INTEGERS + _FLOATS + _COMPLEX)),
    "divide": _DIVISION,
    "true_divide": _DIVISION,
    "negative": _same(1, _ANY),
    "absolute": (*_same(1, _BOOL + _INTEGERS + _FLOATS), "F->f", "D->d"),
    "equal": (*_truth(_FLOATS + _COMPLEX), "VV->?"),
    **dict.fromkeys(("greater", "less"), _truth(_FLOATS + _COMPLEX)),
    "special.erf": ("e->d", "f->f", "d->d"),
}
"""The loops of the ufuncs in use; `tests.test_strict_cupy` compares them with the real package's."""

_WEAK = {bool: "?", int: "q", float: "d"}
"""Python's scalars take the kind of the arrays beside them (NEP 50)."""


def operand(value):
    """Return an array of the current device or a scalar.

    Raises:
        TypeError: it is anything else, such as a NumPy array.
        ValueError: it is on another device.
    """
    if hasattr(value, "_host"):
        if value.device.id != _account.Device.current:
            msg = f"Array device must be same as the current device: {value.device.id}, {_account.Device.current}"
            raise ValueError(msg)
        if _order.capture() is None:
            _order.queued("", (value._host,), ())
        return value
    if type(value) in _WEAK or isinstance(value, np.generic):
        return value
    msg = f"Unsupported type {type(value)}"
    raise TypeError(msg)


class ufunc:  # noqa: N801 - CuPy's name
    """One elementwise function, with ``out``, ``dtype`` and ``casting`` as keywords and nothing else."""

    def __init__(self, name):
        self.name = name
        self.types = LOOPS[name]
        self.nin = len(self.types[0].partition("->")[0])

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        """Return the result, in ``out`` where that is given."""
        from cupy._arrays import ndarray

        if not self.nin <= len(args) <= self.nin + 1:
            msg = f"Wrong number of arguments for {self.name!r}"
            raise TypeError(msg)
        if dtype is not None:
            raise NotImplementedError("the double's ufuncs take no dtype")
        inputs = [operand(value) for value in args[: self.nin]]
        out = args[self.nin] if len(args) > self.nin else out
        if out is not None and not isinstance(out, ndarray):
            raise TypeError("return arrays must be of ArrayType")
        into, kind = self._resolve(inputs)
        hosts = [np.asarray(getattr(value, "_host", value)) for value in inputs]
        raw = [host.astype(char) for host, char in zip(hosts, into, strict=True)]
        function = getattr(scipy.special if self.name.startswith("special.") else np, self.name.rpartition(".")[2])
        with np.errstate(all="ignore"):
            result = np.asarray(function(*raw)).astype(kind, copy=False)
        if out is None:
            return ndarray.of(result, name=self.name)
        if not np.can_cast(kind, out.dtype, casting):
            msg = f"output (typecode {kind!r}) could not be coerced to {out.dtype} by the casting rule {casting!r}"
            raise TypeError(msg)
        if result.shape != operand(out).shape:
            msg = f"Out shape is mismatched: {out.shape}, not {result.shape}"
            raise ValueError(msg)
        out._write(self.name, result)
        return out

    def _resolve(self, inputs):
        """Return the dtypes of the first loop that takes the inputs, and its result's."""
        strong = [value.dtype for value in inputs if type(value) not in _WEAK]
        for loop in self.types:
            into, _, kind = loop.partition("->")
            if all(self._takes(value, char, weak=bool(strong)) for value, char in zip(inputs, into, strict=True)):
                return into, kind
        msg = f"Wrong type ({strong}) of arguments for cupy_{self.name}"
        raise TypeError(msg)

    @staticmethod
    def _takes(value, char, *, weak):
        if type(value) not in _WEAK:
            return np.can_cast(value.dtype, char)
        if not weak:
            return np.can_cast(_WEAK[type(value)], char)
        return char != "V" and np.result_type(type(value)(0), np.dtype(char)) == np.dtype(char)
