"""Reads what a worker sends without calling anything that it names: a plugin has the run of the worker's process."""

import io
import pickle
from dataclasses import is_dataclass
from typing import Any

from harness.errors import one_line
from harness.trial.tasks import Failure

_NUMPY = {"_reconstruct", "scalar", "_frombuffer", "ndarray", "dtype"}
"""What an array, a scalar and their types are pickled as."""
_PATHS = {"PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"}
_BUILTINS = {"set", "frozenset", "bytearray", "complex", "slice", "range"}


def loads(content: bytes | bytearray) -> Any:
    """Return pickled data: Python's own values, paths, NumPy's arrays, and harness's dataclasses.

    Raises:
        pickle.UnpicklingError: it names something else, or is not a pickle; other errors, where it is damaged.
    """
    return _Plain(io.BytesIO(content)).load()


def result(content: bytes) -> Any:
    """Return a result that a worker passed on, or the failure to read it."""
    try:
        return loads(content)
    except Exception as error:  # noqa: BLE001 - what it holds may not be readable here
        return Failure("failed", f"its result cannot be passed on: {one_line(error)}")


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return a class or a function that may take part in making data."""
        root = module.partition(".")[0]
        known = {"numpy": _NUMPY, "pathlib": _PATHS, "builtins": _BUILTINS}.get(root, set())
        if name in known or (root == "harness" and "." not in name):
            target = super().find_class(module, name)
            if root != "harness" or (isinstance(target, type) and is_dataclass(target)):
                return target
        msg = f"{module}.{name} is not plain data"
        raise pickle.UnpicklingError(msg)
