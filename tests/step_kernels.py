"""Runs the kernels of a training step on the strict double of CuPy, from NumPy's arrays to NumPy's arrays."""

from functools import wraps
from inspect import signature

import numpy as np
import pytest

from harness_array.kernels.buffers import CONTROL
from harness_array.kernels.module import Kernels, source

SIZES = [(1, 1), (1, 33), (3, 5), (3, 47), (47, 1), (47, 33), (513, 5), (513, 47)]
"""Rows and columns, none of them a multiple of a block."""
KEY = (0x12345678, 0x9ABCDEF0)


class Launcher:
    """The kernels in a precision, with the threads and blocks of a grid in an order: the results must not show it."""

    def __init__(self, cupy, dtype, order=0):
        import host_cuda

        self._cupy = cupy
        self.kernels = Kernels(cupy, dtype)
        self.real = self.kernels.real
        self.dtype = np.dtype(dtype)
        name = {"float32": "float", "float64": "double"}[self.dtype.name]
        host_cuda.load(source(), ("-std=c++17", f"-DREAL={name}")).order(order)

    def __call__(self, form, name, size, *arguments):
        """Launch a kernel in that form on copies; return the arrays as they are afterwards, in their order."""
        arrays = [self._put(value) if isinstance(value, np.ndarray) else value for value in arguments]
        getattr(self.kernels, form)(name, size, *arrays)()
        return [value.get() for value in arrays if isinstance(value, self._cupy.ndarray)]

    def _put(self, values):
        array = self._cupy.empty(values.shape, values.dtype)
        array.set(np.ascontiguousarray(values))
        return array

    def normal(self, *shape, seed=0):
        """Return normal values in the precision."""
        return np.random.default_rng(seed).normal(size=shape).astype(self.dtype)

    def empty(self, *shape, dtype=None):
        """Return values that nothing may keep."""
        return np.full(shape, -77, dtype or self.dtype)

    def agrees(self, actual, expected, scale=1.0):
        """Assert that the two are equal to rounding: 1e-12 in float64, 3e-6 in float32, each times ``scale``."""
        tolerance = scale * (1e-12 if self.dtype == np.float64 else 3e-6)
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def control(**fields):
    """Return a control block (80,) uint8: rate 1, no decay, no clipping, the rest 0."""
    block = np.zeros(1, CONTROL)
    block["rate"] = block["decay"] = block["clip"] = 1.0
    block["key"] = KEY
    for name, value in fields.items():
        block[name] = value
    return block.view(np.uint8)


def fields(block):
    """Return a control block's fields."""
    return block.view(CONTROL)[0]


@pytest.fixture(
    params=[
        pytest.param((dtype, order), id=f"{dtype}-{order}", marks=[pytest.mark.slow] * bool(index))
        for index, (dtype, order) in enumerate([("float32", 0), ("float64", 0), ("float32", 1), ("float64", 5)])
    ]
)
def launch(request, strict_cupy):
    """Return a launcher in either precision, with threads and blocks in ascending, descending and another order."""
    yield Launcher(strict_cupy, *request.param)
    Launcher(strict_cupy, request.param[0])


def over_sizes(test):
    """Give a test every one of `SIZES` as its ``rows`` and ``width``, in turn."""

    @wraps(test)
    def run(**arguments):
        for rows, width in SIZES:
            test(rows=rows, width=width, **arguments)

    parameters = signature(test).parameters.values()
    run.__signature__ = signature(test).replace(
        parameters=[parameter for parameter in parameters if parameter.name not in {"rows", "width"}]
    )
    return run
