"""Where arrays live: the namespace, and the few things that NumPy and CuPy do differently."""

from typing import Any, Protocol

import numpy as np
import scipy.special
from numpy.typing import NDArray

from harness.interfaces import Array


class Device(Protocol):
    """A namespace of arrays with its memory."""

    @property
    def xp(self) -> Any:
        """`numpy`, or `cupy` in its place."""
        ...

    @property
    def accelerated(self) -> bool:
        """Whether its memory is another than the host's."""
        ...

    @property
    def update_block(self) -> int:
        """Elements that an optimizer updates at a time; 0: all at once."""
        ...

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
        ...

    def keep_mask(self, key: tuple[int, ...], keep: float, out: Array) -> None:
        """Fill the boolean ``out`` with draws that are true with probability ``keep``; equal keys, equal draws."""
        ...

    def to_device(self, array: NDArray[Any]) -> Array:
        """Return a copy on the device."""
        ...

    def to_host(self, array: Array) -> NDArray[Any]:
        """Return a copy on the host."""
        ...

    def host_buffer(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return host memory from which copies to the device are quick."""
        ...

    def synchronize(self) -> None:
        """Wait for queued work."""
        ...

    def free_bytes(self) -> int | None:
        """Return the free memory of an accelerator, None on the host."""
        ...

    def peak_bytes(self) -> int | None:
        """Return the most memory of an accelerator that was held so far, None on the host."""
        ...

    def release(self) -> None:
        """Give unused memory back."""
        ...


class Host:
    """NumPy: arrays in the host's memory."""

    xp = np
    accelerated = False
    update_block = 65_536  # of four vectors in float32: fits a core's second-level cache

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
        scipy.special.erf(x, out=out)

    def keep_mask(self, key: tuple[int, ...], keep: float, out: Array) -> None:
        """Compare 16 random bits an element with the probability, which is met to 1 part in 65,536."""
        bits = np.random.SFC64(np.random.SeedSequence(key)).random_raw(-(-out.size // 4)).view(np.uint16)
        np.less(bits[: out.size].reshape(out.shape), round(keep * 65_536), out=out)

    def to_device(self, array: NDArray[Any]) -> Array:
        """Return a copy."""
        return np.array(array)

    def to_host(self, array: Array) -> NDArray[Any]:
        """Return a copy."""
        return np.array(array)

    def host_buffer(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return ordinary memory."""
        return np.empty(shape, dtype=dtype)

    def synchronize(self) -> None:
        """Return: NumPy queues nothing."""

    def free_bytes(self) -> int | None:
        """Return None."""
        return None

    def peak_bytes(self) -> int | None:
        """Return None."""
        return None

    def release(self) -> None:
        """Return: memory goes with its arrays."""


class Cuda:
    """CuPy: arrays in the memory of a CUDA device."""

    accelerated = True
    update_block = 0

    def __init__(self, index: int) -> None:
        import cupy
        import cupyx
        import cupyx.scipy.special

        self.xp = cupy
        self._erf = cupyx.scipy.special.erf
        self._pinned = cupyx.empty_pinned
        self._peak = 0
        cupy.cuda.Device(index).use()

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
        self._erf(x, out)

    def keep_mask(self, key: tuple[int, ...], keep: float, out: Array) -> None:
        """Compare uniform draws of CuPy's Philox with the probability."""
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
        random = self.xp.random.Generator(self.xp.random.Philox4x3210(seed))
        self.xp.less(random.random(out.shape, dtype=np.float32), np.float32(keep), out=out)

    def to_device(self, array: NDArray[Any]) -> Array:
        """Return a copy on the device."""
        return self.xp.asarray(array)

    def to_host(self, array: Array) -> NDArray[Any]:
        """Return a copy on the host."""
        return np.asarray(self.xp.asnumpy(array))

    def host_buffer(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return pinned memory."""
        return np.asarray(self._pinned(shape, dtype))

    def synchronize(self) -> None:
        """Wait for the current stream."""
        self.xp.cuda.get_current_stream().synchronize()

    def free_bytes(self) -> int | None:
        """Return the device's free memory, in bytes."""
        return int(self.xp.cuda.runtime.memGetInfo()[0])

    def peak_bytes(self) -> int | None:
        """Return the largest total that CuPy's pool has held when asked: a pool only grows between releases."""
        self._peak = max(self._peak, int(self.xp.get_default_memory_pool().total_bytes()))
        return self._peak

    def release(self) -> None:
        """Give the pool's unused blocks back to the device."""
        self.xp.get_default_memory_pool().free_all_blocks()
