"""Rotation, translation, scale and shear: an image is resampled where its pixels came from, and is black elsewhere."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from harness_corruptions.corruption import Corruption, Images, Values, angles, at_most, by_channel, signs

Matrices = NDArray[np.float64]


class Rotation(Corruption):
    """Rotate each image about its centre by ±severity degrees, the direction drawn for each image.

    Bilinear interpolation; with c the centre, a pixel at p comes from c + R(p - c).
    """

    family: ClassVar[str] = "geometry"
    levels: ClassVar[tuple[float, ...]] = (5.0, 10.0, 20.0, 30.0, 45.0)
    """In degrees."""

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the direction of each image, -1 or 1."""
        return signs(images, rng)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return rotated images."""
        turn = np.deg2rad(drawn * severity)
        matrices = np.empty((len(images), 2, 2))
        matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(turn)
        matrices[:, 0, 1], matrices[:, 1, 0] = np.sin(turn), -np.sin(turn)
        return _about_centre(images, matrices)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 180, "in degrees")


class Translation(Corruption):
    """Shift each image by a vector of length severity × height, in a direction drawn for each image.

    Bilinear interpolation; a pixel at p comes from p - v.
    """

    family: ClassVar[str] = "geometry"
    levels: ClassVar[tuple[float, ...]] = (0.04, 0.08, 0.12, 0.16, 0.2)
    """As fractions of the height."""

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the unit vector of each image (rows, 2)."""
        angle = angles(images, rng)
        return np.stack([np.sin(angle), np.cos(angle)], axis=1)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return shifted images."""
        identity = np.broadcast_to(np.eye(2), (len(images), 2, 2))
        return _resampled(images, identity, -drawn * severity * images.shape[1])


class Scale(Corruption):
    """Enlarge each image about its centre by the factor f = 1 + severity, or shrink it by 1 / f, drawn for each image.

    Bilinear interpolation; with c the centre, a pixel at p comes from c + (p - c) / f. Source: the affine training
    noise of Simard et al. (2003).
    """

    family: ClassVar[str] = "geometry"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.35, 0.5, 0.75)
    """As fractions of the size."""

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the direction of each image, -1 (smaller) or 1 (larger)."""
        return signs(images, rng)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return larger and smaller images."""
        return _about_centre(images, np.eye(2) * (1 + severity) ** -drawn[:, None, None])

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 9, "a fraction of the size")


class Shear(Corruption):
    """Slant each image by ±severity degrees, the direction drawn for each image.

    Bilinear interpolation; with c the centre, a pixel at (y, x) comes from (y, x ± tan(severity) · (y - c)). Source:
    the affine training noise of Simard et al. (2003).
    """

    family: ClassVar[str] = "geometry"
    levels: ClassVar[tuple[float, ...]] = (8.0, 15.0, 22.0, 30.0, 40.0)
    """In degrees."""

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the direction of each image, -1 or 1."""
        return signs(images, rng)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return slanted images."""
        matrices = np.tile(np.eye(2), (len(images), 1, 1))
        matrices[:, 1, 0] = drawn * np.tan(np.deg2rad(severity))
        return _about_centre(images, matrices)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 80, "in degrees")


def _about_centre(images: Images, matrices: Matrices) -> Images:
    """Return images whose pixel at p is that of c + matrix · (p - c), c the centre."""
    centre = (np.array(images.shape[1:3]) - 1) / 2
    return _resampled(images, matrices, centre - matrices @ centre)


def _resampled(images: Images, matrices: Matrices, offsets: NDArray[np.float64]) -> Images:
    """Return images whose pixel at p is that of matrix · p + offset, bilinear, black outside.

    ``matrices`` (rows, 2, 2) and ``offsets`` (rows, 2) are of each image.
    """
    return by_channel(images, partial(affine_transform, order=1, mode="constant"), matrices, offsets)


rotation = Rotation()
translation = Translation()
scale = Scale()
shear = Shear()
