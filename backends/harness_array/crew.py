"""The blocks of a batch on several threads, each of which multiplies by itself."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

R = TypeVar("R")


class Crew:
    """A thread a core. Each does whole blocks, from the patches to their product, in its own core's cache.

    A BLAS that divides one small product among the threads fetches half of each block from the other core's cache, and
    waits for it: slower than a single thread. The bits are those of a single thread, however many there are.
    """

    def __init__(self, threads: int) -> None:
        self.size = threads
        """Blocks that are worked on at a time."""
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def each(self, work: Callable[[int, int, slice], R], parts: Sequence[slice]) -> list[R]:
        """Return ``work(member, index, part)`` for each part: calls with one member, below `size`, never overlap."""
        if self._pool is None:
            return [work(0, index, part) for index, part in enumerate(parts)]
        futures = [self._pool.submit(_share, work, member, self.size, parts) for member in range(1, self.size)]
        shares = [_share(work, 0, self.size, parts), *(future.result() for future in futures)]
        return [shares[index % self.size][index // self.size] for index in range(len(parts))]


def _share(work: Callable[[int, int, slice], R], member: int, members: int, parts: Sequence[slice]) -> list[R]:
    with np.errstate(all="ignore"):  # as in the thread that trains
        return [work(member, index, parts[index]) for index in range(member, len(parts), members)]
