"""What a worker sends is read as data: nothing that it names is called in the driver."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from harness.execution.pools import Failure, Processes, Task
from harness.execution.pools.plain import loads
from harness.rows import EpochRecord
from harness.trial.specs import Remark


class Calls:
    """Pickled, it is a call of a function."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


RECORD = EpochRecord(1, 0.1, 2.0, 0.5, 2.0, 0.5, 1.0, 10.0, 0.1)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, True, "x", b"y", (3, {4})]},
        Path("runs") / "tiny",
        RECORD,
        [Remark("goes on"), Failure("failed", "why")],
        complex(1, 2),
    ],
)
def test_data_is_read_as_it_was(value):
    """Whatever jobs return."""
    assert loads(pickle.dumps(value, protocol=5)) == value


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "?", ">f4", "U3"])
def test_arrays_are_read_as_they_were(dtype):
    """In any order, of no dimension, and NumPy's scalars."""
    for array in (np.arange(6).astype(dtype), np.asfortranarray(np.ones((2, 3)).astype(dtype)), np.array(1, dtype)):
        loaded = loads(pickle.dumps(array, protocol=5))
        assert (loaded.dtype, loaded.tobytes()) == (array.dtype, array.tobytes())
        assert loads(pickle.dumps(array.flat[0], protocol=5)) == array.flat[0]


@pytest.mark.parametrize(
    "value",
    [
        Calls(os.system, "exit 3"),
        Calls(eval, "1 + 1"),
        Calls(getattr, RECORD, "epoch"),
        Calls(np.load, "file"),
        [{"a": np.array([Calls(os.getcwd)], dtype=object)}],
        Calls(pickle.loads, b""),
        os.system,
        loads,
    ],
)
def test_what_names_a_function_is_refused(value):
    """It would run here, with the rights of the driver."""
    with pytest.raises(pickle.UnpicklingError, match="is not plain data"):
        loads(pickle.dumps(value, protocol=5))


def _returns_a_call(place, _registry, _report):
    return Calls(os.mkdir, place)


def test_a_result_that_would_call_a_function_is_a_failure(tmp_path):
    """The function is not called, and its task alone has failed."""
    pool = Processes(1)
    try:
        future = pool.submit(Task(_returns_a_call, str(tmp_path / "made"), "call", isolated=True))
        while not future.done():
            pool.wait()
    finally:
        pool.stop()
    result = future.result()
    assert isinstance(result, Failure)
    assert result.reason == "its result cannot be passed on: UnpicklingError: posix.mkdir is not plain data"
    assert not (tmp_path / "made").exists()
