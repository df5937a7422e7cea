"""Blurs: a pixel becomes a mean of its neighbourhood. Beyond its border an image goes on with its outermost pixels."""

from functools import partial
from math import ceil
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate, gaussian_filter

from harness_corruptions.corruption import Corruption, Images, Values, angles, at_most, by_channel

SMALLEST = 8
"""The pixels of a side: a radius is a fraction of the height, and blurs of less than a pixel's tenth change nothing."""
_POINTS = 64
"""Points of a line or of a radius over which is averaged: the mean is a sum, not an integral."""


class GaussianBlur(Corruption):
    """x <- G ∗ x, G Gaussian; the severity is its standard deviation as a fraction of the height.

    G ends at 4 standard deviations. Source: Hendrycks & Dietterich (2019), "Gaussian blur".
    """

    family: ClassVar[str] = "blur"
    smallest: ClassVar[int] = SMALLEST
    levels: ClassVar[tuple[float, ...]] = (0.04, 0.055, 0.07, 0.09, 0.12)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:  # noqa: ARG002 - nothing is drawn
        """Return blurred images."""
        deviation = severity * images.shape[1]
        return gaussian_filter(images, deviation, mode="nearest", axes=(1, 2))

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a fraction of the height")


class DefocusBlur(Corruption):
    """A lens out of focus: x(p) <- the mean of x(p + v) over the disc |v| ≤ r, bilinear between pixels.

    The severity is the radius r as a fraction of the height. Source: Hendrycks & Dietterich (2019), "defocus blur",
    whose disc is smoothed by a Gaussian in place of the bilinear interpolation.
    """

    family: ClassVar[str] = "blur"
    smallest: ClassVar[int] = SMALLEST
    levels: ClassVar[tuple[float, ...]] = (0.04, 0.07, 0.1, 0.13, 0.17)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:  # noqa: ARG002 - nothing is drawn
        """Return blurred images."""
        kernel = _kernels(disc(severity * images.shape[1])[None])[0]
        return correlate(images, kernel.reshape(1, *kernel.shape, *[1] * (images.ndim - 3)), mode="nearest")

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a fraction of the height")


class MotionBlur(Corruption):
    """A camera that moved: x(p) <- the mean of x(p + v) over a line of length l through 0, bilinear between pixels.

    The severity is l as a fraction of the height; the line's direction is drawn for each image. Source: Hendrycks &
    Dietterich (2019), "motion blur".
    """

    family: ClassVar[str] = "blur"
    smallest: ClassVar[int] = SMALLEST
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.17, 0.24, 0.32, 0.4)

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return an angle for each image (rows,)."""
        return angles(images, rng)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return blurred images."""
        kernels = _kernels(line(severity * images.shape[1], drawn))
        return by_channel(images, partial(correlate, mode="nearest"), kernels)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a fraction of the height")


def disc(radius: float) -> NDArray[np.float64]:
    """Return points (points, 2) that cover a disc evenly: rings of equal area, each a half-step further round."""
    rings = np.sqrt((np.arange(_POINTS) + 0.5) / _POINTS)
    turn = 2 * np.pi * (np.arange(_POINTS) + np.arange(_POINTS)[:, None] / _POINTS) / _POINTS
    points = radius * np.stack([rings[:, None] * np.sin(turn), rings[:, None] * np.cos(turn)], axis=-1)
    return points.reshape(-1, 2)


def line(length: float, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (lines, points, 2) at equal steps along lines of a length through 0, at each angle (lines,)."""
    steps = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    points: NDArray[np.float64] = length * steps[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)[:, None]
    return points


def _kernels(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return kernels (kernels, size, size) of the mean over points (kernels, points, 2), each a bilinear hat."""
    reach = ceil(np.abs(points).max())
    pixels = np.arange(-reach, reach + 1)
    down, across = (np.maximum(1 - np.abs(points[..., axis, None] - pixels), 0) for axis in (0, 1))
    # Not by a matrix product: BLAS has kernels that round differently, and these bits are those of every environment.
    kernels: NDArray[np.float64] = np.einsum("npk,npl->nkl", down, across) / points.shape[1]
    return kernels


gaussian_blur = GaussianBlur()
defocus_blur = DefocusBlur()
motion_blur = MotionBlur()
