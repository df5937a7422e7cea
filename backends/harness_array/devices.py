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
        """Vectors that a network predicts at a time, at least; its buffers are sized for them."""
        ...

    @property
    def crew(self) -> Crew:
        """The threads of layers that work block by block."""
        ...

    def current(self) -> AbstractContextManager[Any]:
        """Return the block within which arrays are made and used on this device."""
        ...

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
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


class Host:
    """NumPy: arrays in the host's memory; ``threads`` for networks of images, whose layers work block by block."""

    xp = np
    accelerated = has_kernels = False
    update_block = 65_536  # of four vectors in float32: fits a core's second-level cache
    block_bytes = 1 << 20  # as above
    predict_rows = 1024

    def __init__(self, threads: int = 1) -> None:
        self.crew = Crew(threads)

    def current(self) -> AbstractContextManager[Any]:
        """Return a block within which a product takes one thread, if there are several that each do their own."""
        return limited(1) if self.crew.size > 1 else nullcontext()

    def erf(self, x: Array, out: Array) -> None:
        """Write the error function of ``x`` into ``out``."""
        from scipy.special import erf  # 15 MB, which only GELU needs

        erf(x, out=out)

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
