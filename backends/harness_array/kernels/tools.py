"""What the parts of a training step launch with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from harness.interfaces import Array
from harness_array.kernels.aside import Aside
from harness_array.kernels.buffers import Learned
from harness_array.kernels.cublas import Cublas
from harness_array.kernels.module import Kernels

Launch = Callable[[], None]
NOWHERE = np.uint64(0)
"""A null pointer, of an array that a kernel does not use."""


@dataclass(frozen=True)
class Tools:
    """Kernels and products, the network's own arrays, and memory that several parts use in turn."""

    xp: Any
    kernels: Kernels
    blas: Cublas
    aside: Aside
    learned: Learned
    control: Array
    """`struct Control` of `kernels.cu`."""
    patch_gradients: Array
    """(n,), room for the gradient of the largest matrix of patches."""

    @property
    def rows(self) -> int:
        """Rows of a full batch."""
        return self.learned.spec.batch_size

    def matrix(self, rows: int, width: int) -> Array:
        """Return room for a matrix in the network's precision."""
        return self.xp.empty((rows, width), dtype=self.learned.dtype)

    def learned_pair(self, name: str) -> tuple[Any, Any]:
        """Return a parameter and its gradient; null pointers where the network has none of that name."""
        values, gradients = self.learned.parameter_views, self.learned.gradient_views
        return (values[name], gradients[name]) if name in values else (NOWHERE, NOWHERE)


class Passed(NamedTuple):
    """What a part makes of a batch, and how its gradients come back."""

    launches: list[Launch]
    y: Array
    backward: Callable[[Array], tuple[list[Launch], Array]]
    """Of the gradient of y, returns the launches that write the gradients of parameters and of x, and the latter.

    It is None where nothing below learns."""
