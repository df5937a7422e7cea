"""The rate of NumPy's matrix products in this process, with the kernel that was loaded with NumPy."""

from time import perf_counter, thread_time

import numpy as np
from threadpoolctl import threadpool_limits

SECONDS = 0.03
"""How long a measurement takes, at least one repetition."""
_ROWS, _INPUTS, _OUTPUTS = 512, 784, 400


class Products:
    """The products of a layer: forward, and the gradient of its weights.

    The layer is the paper's largest (784 inputs, 400 outputs, batch 512).
    """

    def __init__(self) -> None:
        draw = np.random.default_rng(0)
        self._x = draw.standard_normal((_ROWS, _INPUTS), dtype=np.float32)
        self._weight = draw.standard_normal((_INPUTS, _OUTPUTS), dtype=np.float32)
        self._z = np.empty((_ROWS, _OUTPUTS), dtype=np.float32)

    def rate(self, seconds: float = SECONDS) -> float:
        """Return float32 operations a second, one thread, in the fastest repetition.

        A repetition's seconds are the thread's own, of the processor: on a busy machine the clock's would choose by
        chance.
        """
        x, weight, z = self._x, self._weight, self._z
        best = float("inf")
        with threadpool_limits(1):
            end = perf_counter() + seconds
            while perf_counter() < end or best == float("inf"):
                started = thread_time()
                np.matmul(x, weight, out=z)
                np.matmul(x.T, z, out=weight)
                weight *= np.float32(1e-6)  # or the numbers grow out of their range
                best = min(best, thread_time() - started)
        return 4 * _ROWS * _INPUTS * _OUTPUTS / best
