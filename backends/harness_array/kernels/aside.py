"""Products beside the main stream: a layer's weight gradient needs nothing of the layers below, nor they of it."""

from collections.abc import Callable
from typing import Any

from harness.interfaces import Array
from harness_array.kernels.cublas import Cublas


class Aside:
    """A second stream, within a step: it begins a product when the main stream has come that far.

    A capture of the main stream takes it in by its events. Its cuBLAS has another workspace, as both multiply at
    once.
    """

    def __init__(self, xp: Any, stream: Any, dtype: Any) -> None:
        self._main, self._event = stream, xp.cuda.Event
        self._side = xp.cuda.Stream(non_blocking=True)
        self._ended = self._event(disable_timing=True)
        self._blas = Cublas(xp, self._side, dtype)

    def product(self, a: Array, b: Array, out: Array) -> Callable[[], None]:
        """Return a function that queues out = aᵀ b after what is on the main stream so far; C-contiguous."""
        return self._forked(self._blas.product(a, b, out, a_t=True))

    def product_of_parts(self, a: Array, b: Array, parts: Array, add: Callable[[], None]) -> Callable[[], None]:
        """Return a function that queues aᵀ b by products of parts of the rows, each into its row of ``parts``.

        ``parts`` (count, k · m), as `Cublas.products_of_parts` has them; ``add`` adds them up.
        """
        return self._forked(self._blas.products_of_parts(a, b, parts), add)

    def _forked(self, *launches: Callable[[], None]) -> Callable[[], None]:
        """Return a function that queues launches on the second stream, after what is on the main one so far."""
        begun = self._event(disable_timing=True)

        def queue() -> None:
            begun.record(self._main)
            self._side.wait_event(begun)
            with self._side:
                for launch in launches:
                    launch()

        return queue

    def awaited(self, launch: Callable[[], None]) -> Callable[[], None]:
        """Return a launch on the main stream that comes after all products."""

        def after() -> None:
            self._ended.record(self._side)
            self._main.wait_event(self._ended)
            launch()

        return after

    def close(self) -> None:
        """Release its cuBLAS."""
        self._side.synchronize()
        self._blas.close()
