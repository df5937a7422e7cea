"""Where arrays live: the namespace, and the few things that NumPy and CuPy do differently."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Array
from harness.machine.threads import limited
from harness_array.crew import Crew


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
    def has_kernels(self) -> bool:
        """Whether `harness_array.kernels` run on it."""
        ...

    @property
    def update_block(self) -> int:
        """Elements that an optimizer updates at a time; 0: all at once."""
        ...

    @property
    def block_bytes(self) -> int:
        """Bytes that a layer of images works on at a time."""
        ...

    @property
    def predict_rows(self) -> int:
        """Vectors that a network predicts at a time, if they fit; its buffers are sized for them."""
        ...

    @property
    def predict_bytes(self) -> int:
        """Bytes that the values of the rows that are predicted at a time may take, in all layers together."""
        ...

    @property
    def crew(self) -> Crew:
        """The threads of layers that work block by block."""
        ...

    def current(self) -> AbstractContextManager[Any]:
        """Return the block within which arrays are made and used on this device."""
        ...

    def vector(self, size: int, dtype: Any) -> Array:
        """Return zeros (size,) where an optimizer's passes over them are quickest."""
        ...

    def batch(self, rows: int, features: int, dtype: Any) -> Array:
        """Return a matrix (rows, features), its values as they come, where products with its rows are quickest."""
        ...

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
        ...

    def rectify(self, z: Array) -> Array:
        """Overwrite ``z`` with its positive part, max(0, z), and return it; what is not a number stays so."""
        ...

    def keep_mask(self, key: tuple[int, ...], keep: float, out: Array) -> None:
        """Fill the boolean ``out`` with draws that are true with probability ``keep``; equal keys, equal draws."""
        ...

    def to_device(self, array: NDArray[Any]) -> Array:
        """Return a copy on the device, of an array of any layout; the host's array may change at once."""
        ...

    def to_host(self, array: Array) -> NDArray[Any]:
        """Return a copy on the host."""
        ...

    def staging(self, like: Array) -> "Staging | None":
        """Return what carries batches of the form of ``like`` from the host to the device, None on the host."""
        ...

    def synchronize(self) -> None:
        """Wait for queued work."""
        ...

    def free_bytes(self) -> int | None:
        """Return the free memory of an accelerator, None on the host."""
        ...

    def peak_bytes(self) -> int | None:
        """Return the most bytes that arrays made in `current` blocks took at once; None on the host."""
        ...

    def release(self) -> None:
        """Give unused memory back."""
        ...


class Staging(Protocol):
    """Carries batches from the host to the device."""

    def send(self, images: NDArray[Any], rows: NDArray[np.int64], target: Array) -> None:
        """Gather ``rows`` (n,) of images (rows, features) and queue their copy to ``target`` (n, features)."""
        ...


class OnDevice(Protocol):
    """Something whose arrays are on a device."""

    _device: Device


Owner = TypeVar("Owner", bound=OnDevice)
P = ParamSpec("P")
R = TypeVar("R")


def on_its_device(method: Callable[Concatenate[Owner, P], R]) -> Callable[Concatenate[Owner, P], R]:
    """Run a method with its owner's device current: another network of the process may have another."""

    @wraps(method)
    def run(owner: Owner, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with owner._device.current():  # noqa: SLF001 - of the class that this decorates
            return method(owner, *args, **kwargs)

    return run


_CACHE_LINE, _HUGE_PAGE = 64, 2 << 20  # bytes
_POSITIVE = np.array(0.0, np.float32), np.array(np.inf, np.float32)


class Host:
    """NumPy: arrays in the host's memory; ``threads`` for networks of images, whose layers work block by block."""

    xp = np
    accelerated = has_kernels = False
    update_block = 131_072  # an optimizer's pass over one vector in float32 fits a core's second-level cache
    block_bytes = 1 << 20  # as above
    predict_rows = 1024
    predict_bytes = 1 << 30  # more than 64 images of 96 x 96 take, or 1,024 vectors

    def __init__(self, threads: int = 1) -> None:
        self.crew = Crew(threads)

    def current(self) -> AbstractContextManager[Any]:
        """Return a block within which a product takes one thread, if there are several that each do their own."""
        return limited(1) if self.crew.size > 1 else nullcontext()

    def vector(self, size: int, dtype: Any) -> Array:
        """Return zeros that begin where a cache line does: no register of a pass is then read from two of them."""
        return _zeros(size, dtype, _CACHE_LINE)

    def batch(self, rows: int, features: int, dtype: Any) -> Array:
        """Return zeros that begin where a huge page may, if they take as much: Linux gives none to a part of one."""
        large = rows * features * np.dtype(dtype).itemsize >= _HUGE_PAGE
        return _zeros(rows * features, dtype, _HUGE_PAGE if large else _CACHE_LINE).reshape(rows, features)

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
        from scipy.special import erf  # 15 MB, which only GELU needs

        erf(x, out=out)

    def rectify(self, z: Array) -> Array:
        """Overwrite ``z`` with max(0, z), and return it."""
        # With two bounds, NumPy takes a third of the time of its maximum with a scalar; by the array's method, with
        # bounds that are arrays, it goes through less Python than by `np.clip` with numbers.
        return z.clip(*_POSITIVE, out=z)

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

    def staging(self, _like: Array) -> None:
        """Return None: batches are gathered where they are used."""

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


def _zeros(size: int, dtype: Any, boundary: int) -> NDArray[Any]:
    """Return zeros (size,) whose address is a multiple of ``boundary`` bytes."""
    taken = size * np.dtype(dtype).itemsize
    memory = np.zeros(taken + boundary, dtype=np.uint8)
    start = -memory.__array_interface__["data"][0] % boundary
    return memory[start : start + taken].view(dtype)
