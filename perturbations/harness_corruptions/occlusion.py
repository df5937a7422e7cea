"""Occlusion: a part of an image is covered, or seen through fog."""

from math import sqrt
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from harness_corruptions.corruption import Corruption, Images, Values, at_most, spread

PERIOD = 0.5
"""From a stripe to the next, as a fraction of the height."""
OCTAVES = 4
"""Of fog: grids of 2, 4, 8 and 16 cells, each half as strong as the one before."""


class Occlusion(Corruption):
    """Black out a rectangle of each image, of the image's proportions, somewhere within it.

    The severity is the rectangle's area as a fraction of the image's. A larger rectangle contains the smaller. Source:
    DeVries & Taylor (2017), "cutout".
    """

    family: ClassVar[str] = "occlusion"
    levels: ClassVar[tuple[float, ...]] = (0.04, 0.08, 0.14, 0.22, 0.32)

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return where the rectangle is (rows, 2), in fractions of where it may be."""
        return rng.random((len(images), 2))

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return images with a black rectangle."""
        side = sqrt(severity)
        first: NDArray[np.float64] = drawn * (1 - side)
        within = []
        for axis, size in enumerate(images.shape[1:3]):
            centres = (np.arange(size) + 0.5) / size  # of pixels
            start = first[:, axis, None]
            within.append((centres >= start) & (centres < start + side))
        covered = within[0][:, :, None] & within[1][:, None, :]
        return np.where(spread(covered, images), np.float32(0), images)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a fraction of the area")


class Stripes(Corruption):
    """x <- 1 - x in parallel stripes, two to the height, whose angle and place are drawn for each image.

    The severity is the fraction of the area within stripes. Wider stripes contain the narrower. Source: Mu & Gilmer
    (2019), "stripe" of MNIST-C, which has one.
    """

    family: ClassVar[str] = "occlusion"
    levels: ClassVar[tuple[float, ...]] = (0.08, 0.16, 0.24, 0.32, 0.4)

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return each pixel's distance from the middle of a stripe (rows, height, width), in periods: 0 … 0.5."""
        rows, height, width = images.shape[:3]
        drawn = rng.random((rows, 2, 1, 1))
        angle, place = drawn[:, 0] * (2 * np.pi), drawn[:, 1]
        down: NDArray[np.float64] = np.sin(angle) * (np.arange(height)[:, None] / height)
        across: NDArray[np.float64] = np.cos(angle) * (np.arange(width) / height)
        phase = ((down + across) / PERIOD + place) % 1.0
        distance: NDArray[np.float32] = np.abs(phase - 0.5).astype(np.float32)
        return distance

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return images with stripes of their negatives."""
        return np.where(spread(drawn < severity / 2, images), 1 - images, images)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a fraction of the area")


class Fog(Corruption):
    """x <- (1 - severity · f) x + severity · f, f fractal noise whose lowest value in an image is 0 and largest 1.

    f is a sum of four grids of Gaussian noise with 2, 4, 8 and 16 cells to a side, each half as strong as the one
    before, bilinear between their points. The severity is the fog's opacity where it is densest. Sources: the light of
    Koschmieder (1924); the fractal fog of Hendrycks & Dietterich (2019), made there by the diamond-square algorithm.
    """

    family: ClassVar[str] = "occlusion"
    smallest: ClassVar[int] = 8
    levels: ClassVar[tuple[float, ...]] = (0.3, 0.45, 0.6, 0.75, 0.9)

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return f (rows, height, width)."""
        rows, height, width = images.shape[:3]
        fogs = np.zeros((rows, height, width))
        sizes = [2 ** (octave + 1) + 1 for octave in range(OCTAVES)]
        grids = rng.standard_normal((rows, sum(size * size for size in sizes)))  # an image's draws are side by side
        start = 0
        for octave, size in enumerate(sizes):
            places = np.meshgrid(*(np.linspace(0, size - 1, pixels) for pixels in (height, width)), indexing="ij")
            for row in range(rows):
                grid = grids[row, start : start + size * size].reshape(size, size)
                fogs[row] += map_coordinates(grid, places, order=1, mode="nearest") / 2**octave
            start += size * size
        fogs -= fogs.min(axis=(1, 2), keepdims=True)
        fogs /= fogs.max(axis=(1, 2), keepdims=True)
        return fogs.astype(np.float32)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return images in fog."""
        opacity = spread(np.float32(severity) * drawn, images)
        veiled: Values = images + opacity * (1 - images)
        return veiled

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "an opacity")


occlusion = Occlusion()
stripes = Stripes()
fog = Fog()
