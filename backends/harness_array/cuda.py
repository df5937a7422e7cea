"""CuPy: arrays in the memory of a CUDA device. This module is imported where CuPy is; it imports CuPy when used."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Array
from harness_array.crew import Crew

COPY_BYTES = 16 << 20
"""Bytes copied to the device at a time: the driver stages them itself, and no copy of a whole set is pinned."""


class Cuda:
    """A CUDA device, by its number."""

    accelerated = has_kernels = True
    update_block = 0
    crew = Crew(1)
    block_bytes = 256 << 20  # enough to keep the device busy, and little of its memory
    predict_rows = 8192  # as above: each batch waits for the device once
    predict_bytes = 1 << 30  # 512 images of 32 x 32 fit, those of 224 x 224 would take up to 25 GB

    def __init__(self, index: int) -> None:
        import cupy
        import cupyx.scipy.special

        self.xp = cupy
        self._erf = cupyx.scipy.special.erf
        self._place = cupy.cuda.Device(index)
        self._allocations = allocations(cupy.cuda.MemoryHook)
        self._entered = False

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the device the thread's current one, and count what is allocated; blocks may be nested."""
        if self._entered:
            yield
            return
        self._entered = True
        try:
            with self._place, self._allocations:
                yield
        finally:
            self._entered = False

    def vector(self, size: int, dtype: Any) -> Array:
        """Return zeros; CuPy's memory begins where 512 bytes do."""
        return self.xp.zeros(size, dtype=dtype)

    def batch(self, rows: int, features: int, dtype: Any) -> Array:
        """Return a matrix; its memory begins where 512 bytes do, too."""
        return self.xp.empty((rows, features), dtype=dtype)

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
        self._erf(x, out)

    def rectify(self, z: Array) -> Array:
        """Overwrite ``z`` with max(0, z), and return it."""
        return self.xp.maximum(z, 0, out=z)

    def keep_mask(self, key: tuple[int, ...], keep: float, out: Array) -> None:
        """Compare uniform draws of CuPy's Philox with the probability."""
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
        random = self.xp.random.Generator(self.xp.random.Philox4x3210(seed))
        self.xp.less(random.random(out.shape, dtype=np.float32), np.float32(keep), out=out)

    def to_device(self, array: NDArray[Any]) -> Array:
        """Return a copy on the device, made in parts.

        Not by `cupy.asarray`: it pins a copy of the whole, rounded up to a power of two, and its pool keeps that.
        """
        copy = self.xp.empty(array.shape, dtype=array.dtype)
        rows = max(1, COPY_BYTES // max(1, array[:1].nbytes)) if array.ndim else 1
        for start in range(0, len(array) if array.ndim else 1, rows):
            part = slice(start, start + rows) if array.ndim else ...
            copy[part].set(np.ascontiguousarray(array[part]).reshape(copy[part].shape))
        return copy

    def to_host(self, array: Array) -> NDArray[Any]:
        """Return a copy on the host."""
        return np.asarray(self.xp.asnumpy(array))

    def staging(self, like: Array) -> "PinnedStaging":
        """Return pinned memory for batches of the form of ``like``."""
        return PinnedStaging(self.xp, like)

    def synchronize(self) -> None:
        """Wait for the current stream."""
        self.xp.cuda.get_current_stream().synchronize()

    def free_bytes(self) -> int | None:
        """Return the device's free memory, in bytes."""
        return int(self.xp.cuda.runtime.memGetInfo()[0])

    def peak_bytes(self) -> int | None:
        """Return the most bytes that arrays made here took at once, as the pool rounds them (to 512)."""
        return int(self._allocations.peak)

    def release(self) -> None:
        """Give unused blocks back, those of the device and those of pinned memory."""
        self.xp.get_default_memory_pool().free_all_blocks()
        self.xp.get_default_pinned_memory_pool().free_all_blocks()


class PinnedStaging:
    """Two pinned buffers in turn.

    The copy from one is asynchronous: the buffer may be filled again only when its event says that the copy has ended.
    Meanwhile the host gathers into the other.
    """

    def __init__(self, xp: Any, like: Array) -> None:
        import cupyx

        self._stream = xp.cuda.get_current_stream
        self._buffers = cycle(
            [(cupyx.empty_pinned(like.shape, like.dtype), xp.cuda.Event(disable_timing=True)) for _ in range(2)]
        )

    def send(self, images: NDArray[Any], rows: NDArray[np.int64], target: Array) -> None:
        """Gather ``rows`` (n,) of images (rows, features) and queue their copy to ``target`` (n, features)."""
        buffer, copied = next(self._buffers)
        copied.synchronize()  # returns at once before the first record
        staged = buffer[: len(rows)]
        # mode="clip" lets NumPy write straight into the buffer; the rows are the core's own, and in range.
        np.take(images, rows, axis=0, out=staged, mode="clip")
        target.set(staged)
        copied.record(self._stream())


def allocations(hook: Any) -> Any:
    """Return a memory hook, of CuPy's class ``hook``, whose ``peak`` is the most bytes that were allocated at once.

    It counts what is allocated within its ``with`` blocks, so nothing of another network's. A pool's total would not
    do: it has what earlier trials left, and blocks that no array has.
    """

    class Allocations(hook):  # type: ignore[misc] # CuPy has no types
        name = "harness allocations"

        def __init__(self) -> None:
            self.peak = 0
            self._held: dict[int, int] = {}  # bytes by pointer
            self._total = 0

        def malloc_postprocess(self, *, mem_size: int, mem_ptr: int, **_others: int) -> None:
            if mem_ptr:
                # A pointer that is known was freed outside of the blocks meanwhile.
                self._total += mem_size - self._held.get(mem_ptr, 0)
                self._held[mem_ptr] = mem_size
                self.peak = max(self.peak, self._total)

        def free_postprocess(self, *, mem_ptr: int, **_others: int) -> None:
            self._total -= self._held.pop(mem_ptr, 0)

    return Allocations()
