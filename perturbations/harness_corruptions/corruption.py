"""What the corruptions share: they draw once for all severities, and severity 0 is the image as it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import DataKind

Images = NDArray[np.float32]
Values = NDArray[Any]


class Corruption(ABC):
    """A corruption of images (rows, height, width) or (rows, height, width, channels) in [0, 1].

    An image's result depends on what is drawn for its place in the block, not on the images beside it.
    """

    takes: ClassVar[frozenset[DataKind]] = frozenset({"image"})
    suite: ClassVar[str] = "corruptions"
    family: ClassVar[str]
    levels: ClassVar[tuple[float, ...]]

    def __call__(self, images: Images, severity: float, rng: np.random.Generator) -> Images:
        """Return corrupted copies of images."""
        return next(self.sweep(images, [severity], rng))

    def sweep(self, images: Images, severities: Sequence[float], rng: np.random.Generator) -> Iterator[Images]:
        """Yield the corrupted copies of each severity in turn, all from one draw."""
        drawn = self.draw(images, rng)
        for severity in severities:
            if severity == 0:
                yield images.copy()
            else:
                corrupted = self.apply(images, severity, drawn).astype(np.float32, copy=False)
                yield np.clip(corrupted, 0.0, 1.0, out=corrupted)

    def draw(self, images: Images, rng: np.random.Generator) -> Any:  # noqa: ARG002 - some draw nothing
        """Return what is random: the same for every severity."""
        return None

    @abstractmethod
    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return new corrupted copies of images at a severity above 0; values outside [0, 1] are clipped afterwards."""


def spread(values: Values, images: Images) -> Values:
    """Return a value for each image (rows,), or for each of its pixels (rows, height, width), to broadcast."""
    return values.reshape(*values.shape, *[1] * (images.ndim - values.ndim))


def planes(images: Images) -> Images:
    """Return a view (rows, height, width, channels), grey images with one channel."""
    return images.reshape(*images.shape[:3], -1)


def by_channel(images: Images, change: Callable[..., Values], *drawn: Iterable[Any]) -> Images:
    """Return images whose every channel (height, width) is what ``change`` makes of it.

    ``change`` is called with the channel, and with the image's own entry of each of ``drawn``.
    """
    changed = np.empty_like(images)
    for image, target, *own in zip(planes(images), planes(changed), *drawn, strict=True):
        for channel in range(image.shape[-1]):
            target[..., channel] = change(image[..., channel], *own)
    return changed


def signs(images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return -1 or 1 for each image (rows,)."""
    return np.where(rng.random(len(images)) < 0.5, -1.0, 1.0)


def angles(images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return an angle in [0, 2π) for each image (rows,)."""
    return rng.random(len(images)) * (2 * np.pi)


def at_most(severity: float, largest: float, unit: str) -> str | None:
    """Return why a severity is too large, or None."""
    return f"it is {unit}, {largest:g} at most" if severity > largest else None
