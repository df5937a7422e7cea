"""Rotation and translation: each image is resampled where its pixels came from, and is black where none did."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from harness.interfaces import DataKind

Images = NDArray[np.float32]


class Rotation:
    """Rotate each image about its centre by ±severity degrees, the direction drawn for each image.

    Bilinear interpolation; with c the centre, a pixel at p comes from c + R(p - c).
    """

    takes: ClassVar[frozenset[DataKind]] = frozenset({"image"})
    levels: ClassVar[tuple[float, ...]] = (5.0, 10.0, 20.0, 30.0, 45.0)
    """In degrees."""

    def __call__(self, images: Images, severity: float, rng: np.random.Generator) -> Images:
        """Return rotated copies of images (rows, height, width) or (rows, height, width, channels)."""
        return next(self.sweep(images, [severity], rng))

    def sweep(self, images: Images, severities: Sequence[float], rng: np.random.Generator) -> Iterator[Images]:
        """Yield the rotated copies of each severity in turn; all turn an image in the same direction."""
        signs = np.where(rng.random(len(images)) < 0.5, -1.0, 1.0)
        centre = (np.array(images.shape[1:3]) - 1) / 2
        for severity in severities:
            angles = np.deg2rad(signs * severity)
            matrices = np.empty((len(images), 2, 2))
            matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(angles)
            matrices[:, 0, 1], matrices[:, 1, 0] = np.sin(angles), -np.sin(angles)
            yield _resampled(images, matrices, centre - matrices @ centre) if severity else images.copy()


class Translation:
    """Shift each image by a vector of length severity × height, in a direction drawn for each image.

    Bilinear interpolation; a pixel at p comes from p - v.
    """

    takes: ClassVar[frozenset[DataKind]] = frozenset({"image"})
    levels: ClassVar[tuple[float, ...]] = (0.04, 0.08, 0.12, 0.16, 0.2)
    """As fractions of the height."""

    def __call__(self, images: Images, severity: float, rng: np.random.Generator) -> Images:
        """Return shifted copies of images (rows, height, width) or (rows, height, width, channels)."""
        return next(self.sweep(images, [severity], rng))

    def sweep(self, images: Images, severities: Sequence[float], rng: np.random.Generator) -> Iterator[Images]:
        """Yield the shifted copies of each severity in turn; all shift an image in the same direction."""
        angles = rng.random(len(images)) * (2 * np.pi)
        directions = np.stack([np.sin(angles), np.cos(angles)], axis=1)
        identity = np.broadcast_to(np.eye(2), (len(images), 2, 2))
        for severity in severities:
            yield _resampled(images, identity, -directions * severity * images.shape[1]) if severity else images.copy()


def _resampled(images: Images, matrices: NDArray[np.float64], offsets: NDArray[np.float64]) -> Images:
    """Return images whose pixel at p is that of matrix · p + offset, bilinear, black outside.

    ``matrices`` (rows, 2, 2) and ``offsets`` (rows, 2) are of each image.
    """
    result = np.empty_like(images)
    planes, targets = (each.reshape(*each.shape[:3], -1) for each in (images, result))
    for image, target, matrix, offset in zip(planes, targets, matrices, offsets, strict=True):
        for channel in range(image.shape[-1]):
            target[..., channel] = affine_transform(image[..., channel], matrix, offset, order=1, mode="constant")
    return np.clip(result, 0.0, 1.0, out=result)


rotation = Rotation()
translation = Translation()
