"""What `harness bench` measures beside backends: peers, and a library's own matrix products."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.interfaces.network import Context, NetworkSpec

Product = tuple[int, int, int]
"""A matrix product (m, k) · (k, n), as (m, k, n)."""


class PeerNetwork(Protocol):
    """A network that a peer trains, as its users would."""

    def attach(self, images: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Take the images (rows, height, width) and labels (rows,), in whatever form suits; not timed."""
        ...

    def train_epoch(self) -> None:
        """Train on every image once, in any order, in batches of the specification's size."""
        ...

    def synchronize(self) -> None:
        """Wait for queued device work; called before every reading of the clock."""
        ...

    def close(self) -> None:
        """Let go of memory; the network is not used afterwards."""
        ...


class Peer(Protocol):
    """Trains the networks that backends train, the way a competent user of some library would without harness.

    Registered as a factory, or as ``"module:factory"``. Everything is asked in a separate process, which has
    the environment of the command line, not what harness changes in it.
    """

    title: str
    """What tables call it: ``"plain PyTorch"``."""
    reference: bool
    """Whether tables give backends in multiples of it: of several, the first that runs counts."""
    precision: str
    """Of its matrix products: what is not ``"float32"`` is not compared with float32's limit."""

    def unavailable(self, device: str) -> str | None:
        """Return why it cannot run on ``device`` here, in one line, or None."""
        ...

    def unsupported(self, spec: NetworkSpec) -> list[str]:
        """Return the keys of the experiment that it cannot honour."""
        ...

    def environment(self, device: str) -> Mapping[str, str]:
        """Return versions, ``blas`` and the device's name."""
        ...

    def build(self, spec: NetworkSpec, learning_rate: float, context: Context) -> PeerNetwork:
        """Return a network trained by Adam on the context's device, its weights drawn as the library draws them."""
        ...


@runtime_checkable
class MultiplyingBackend(Protocol):
    """A backend that shows how fast the library under its networks multiplies matrices, and nothing else."""

    def matrix_products(self, products: Sequence[Product], context: Context) -> Callable[[], None]:
        """Return a function that does each product once, in the context's precision, and waits until all are done.

        By the library's own routine, from and into memory that is allocated beforehand.
        """
        ...

    def matrix_kernels(self) -> Mapping[str, Mapping[str, str]]:
        """Return the kernels that the library may use on this processor, and the environment that chooses each.

        ``{"Haswell": {"OPENBLAS_CORETYPE": "Haswell"}}``; empty where there is nothing to choose.
        """
        ...
