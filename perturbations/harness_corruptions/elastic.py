"""Elastic deformation: each pixel comes from somewhere near, and neighbours from nearly the same direction."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from harness_corruptions.corruption import Corruption, Images, Values, at_most, by_channel

SMOOTHNESS = 0.12
"""The standard deviation of the Gaussian that smooths a field, as a fraction of the height."""


class Elastic(Corruption):
    """x(p) <- x(p + severity · height · u(p)), u smooth noise whose root mean square over an image is 1; bilinear.

    Each of u's two components is Gaussian noise smoothed by a Gaussian of 0.12 heights. The severity is the root mean
    square of the displacements, as a fraction of the height. Outside an image is black. Source: Simard et al. (2003),
    whose noise is uniform before it is smoothed.
    """

    family: ClassVar[str] = "geometry"
    smallest: ClassVar[int] = 8
    levels: ClassVar[tuple[float, ...]] = (0.02, 0.04, 0.06, 0.08, 0.11)

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the displacements u (rows, 2, height, width)."""
        rows, height, width = images.shape[:3]
        noise = rng.standard_normal((rows, 2, height, width))
        smooth = gaussian_filter(noise, SMOOTHNESS * height, mode="nearest", axes=(2, 3))
        size = np.sqrt(np.square(smooth).sum(axis=1).mean(axis=(1, 2)))
        fields: NDArray[np.float64] = smooth / size[:, None, None, None]
        return fields

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return deformed images."""
        sources = severity * images.shape[1] * drawn
        sources += np.indices(images.shape[1:3])
        return by_channel(images, partial(map_coordinates, order=1, mode="constant"), sources)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a fraction of the height")


elastic = Elastic()
