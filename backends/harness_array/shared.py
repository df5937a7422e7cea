"""A layer that works on each row by itself, on several threads: a copy of it for each."""

from collections.abc import Callable

from harness.interfaces import Array
from harness_array.blocks import blocks
from harness_array.site import ArrayLayer, Site


class Shared:
    """Consecutive parts of a batch, as many as there are threads; for layers that write in place."""

    def __init__(self, make: Callable[[int], ArrayLayer], site: Site) -> None:
        self._crew = site.device.crew
        self._copies = [make(self._rows(site.rows)) for _ in range(self._crew.size)]

    def forward(self, x: Array, *, training: bool) -> Array:
        """Overwrite x (rows, …) with the layer's output, and return it."""
        self._crew.each(
            lambda _member, index, part: self._copies[index].forward(x[part], training=training), self._parts(len(x))
        )
        return x

    def backward(self, gradient: Array) -> Array:
        """Overwrite the gradient of the output with that of x, and return it."""
        self._crew.each(
            lambda _member, index, part: self._copies[index].backward(gradient[part]), self._parts(len(gradient))
        )
        return gradient

    def _rows(self, rows: int) -> int:
        return -(-rows // self._crew.size)

    def _parts(self, rows: int) -> list[slice]:
        return blocks(rows, self._rows(rows))
