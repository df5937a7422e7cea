"""The blocks of a batch on several threads, each of which multiplies by itself."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class Crew:
    """A thread a core. Each does whole blocks, from the patches to their product, in its own core's cache.

    A BLAS that divides one small product among the threads fetches half of each block from the other core's cache, and
    waits for it: slower than a single thread. The bits are those of a single thread, however many there are.
    """

    def __init__(self, threads: int) -> None:
        self.size = threads
        """Blocks that are worked on at a time."""
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def each(self, work: Callable[[int, int, slice], None], parts: Sequence[slice]) -> None:
        """Call ``work(member, index, part)`` for each part: calls with the same member, below `size`, never overlap."""
        if self._pool is None:
            _share(work, 0, 1, parts)
            return
        futures = [self._pool.submit(_share, work, member, self.size, parts) for member in range(1, self.size)]
        _share(work, 0, self.size, parts)
        for future in futures:
            future.result()


def _share(work: Callable[[int, int, slice], None], member: int, members: int, parts: Sequence[slice]) -> None:
    with np.errstate(all="ignore"):  # as in the thread that trains
        for index in range(member, len(parts), members):
            work(member, index, parts[index])
