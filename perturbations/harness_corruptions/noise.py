"""Noise: each pixel of each channel is changed by itself."""

from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

from harness_corruptions.corruption import Corruption, Images, Values, at_most


class ShotNoise(Corruption):
    """Shot noise, of few photons: x <- P / λ, P ~ Poisson(λ x) a value, λ = 1 / severity².

    The severity is the standard deviation of a white pixel (x = 1), in units of the pixels' range; a pixel x has
    severity · √x. Source: Hendrycks & Dietterich (2019), "shot noise", whose severity is λ.
    """

    family: ClassVar[str] = "noise"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.3, 0.45, 0.6)

    def draw(self, images: Images, rng: np.random.Generator) -> np.random.Generator:  # noqa: ARG002 - of any images
        """Return the generator as it is now: severities do not share their draws, as each has another distribution."""
        return deepcopy(rng)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return photon counts divided by those of white."""
        photons = 1 / severity**2
        counts: Values = deepcopy(drawn).poisson(images * photons)
        return counts / photons

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None: 1e-6 would be 10¹² photons a pixel, and no noise."""
        return None if severity >= 1e-6 else "a white pixel's standard deviation is 1e-06 at least, or 0"


class ImpulseNoise(Corruption):
    """Salt and pepper: a value becomes 0 or 1, equally often, with the probability severity.

    Source: Hendrycks & Dietterich (2019), "impulse noise".
    """

    family: ClassVar[str] = "noise"
    levels: ClassVar[tuple[float, ...]] = (0.03, 0.06, 0.12, 0.2, 0.3)

    def draw(self, images: Images, rng: np.random.Generator) -> tuple[Values, Values]:
        """Return a rank in [0, 1) of each value, and whether it would be salt."""
        return rng.random(images.shape), rng.random(images.shape) <= 0.5

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return images in which the values of the lowest ranks are black or white."""
        rank, salt = drawn
        return np.where(rank <= severity, salt.astype(np.float32), images)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a probability")


class SpeckleNoise(Corruption):
    """Multiplicative noise: x <- clip(x + severity · x n, 0, 1), n ~ N(0, 1) a value.

    The severity is the standard deviation as a fraction of the pixel's value. Source: Hendrycks & Dietterich (2019).
    """

    family: ClassVar[str] = "noise"
    levels: ClassVar[tuple[float, ...]] = (0.15, 0.25, 0.4, 0.6, 0.8)

    def draw(self, images: Images, rng: np.random.Generator) -> Values:
        """Return standard normal values."""
        return rng.standard_normal(images.shape).astype(np.float32)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return images plus their noise."""
        noisy: Values = np.float32(severity) * drawn * images + images
        return noisy


shot_noise = ShotNoise()
impulse_noise = ImpulseNoise()
speckle_noise = SpeckleNoise()
