"""Light and tone: a pixel's new value depends on its value, and perhaps on the image's mean."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness_corruptions.corruption import Corruption, Images, Values, at_most, signs, spread


class Brightness(Corruption):
    """v <- min(v + severity, 1) for the value v of a pixel in the colour model HSV, its largest channel.

    All channels are multiplied by v's ratio; a black pixel becomes grey. A grey image is x <- min(x + severity, 1). The
    severity is in units of the pixels' range. Source: Hendrycks & Dietterich (2019), "brightness".
    """

    family: ClassVar[str] = "light"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.35, 0.5, 0.7)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:  # noqa: ARG002 - nothing is drawn
        """Return brighter images."""
        if images.ndim == 3:
            brighter: Values = images + np.float32(severity)
            return brighter
        value = images.max(axis=-1, keepdims=True)
        brighter = np.minimum(value + np.float32(severity), np.float32(1))
        lit = value > 0
        return np.where(lit, images * (brighter / np.where(lit, value, np.float32(1))), brighter)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a part of the pixels' range")


class Contrast(Corruption):
    """x <- m + (1 - severity) (x - m), m the mean of the image's channel.

    The severity is the part of the contrast that is lost. Source: Hendrycks & Dietterich (2019), "contrast".
    """

    family: ClassVar[str] = "light"
    levels: ClassVar[tuple[float, ...]] = (0.3, 0.5, 0.65, 0.8, 0.9)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:  # noqa: ARG002 - nothing is drawn
        """Return images of less contrast."""
        mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
        paler: Values = mean + np.float32(1 - severity) * (images - mean)
        return paler

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "a part of the contrast")


class Gamma(Corruption):
    """x <- x^γ, γ = 2^severity (darker) or 2^-severity (brighter), drawn for each image.

    The severity is in octaves of γ. Source: Poynton, "Digital Video and HD" (2012), ch. 27, of display gamma.
    """

    family: ClassVar[str] = "light"
    levels: ClassVar[tuple[float, ...]] = (0.5, 1.0, 1.5, 2.0, 3.0)

    def draw(self, images: Images, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the direction of each image, -1 or 1."""
        return signs(images, rng)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:
        """Return images of another gamma."""
        exponents: Values = np.exp2(drawn * severity).astype(np.float32)
        raised: Values = images ** spread(exponents, images)
        return raised

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 10, "in octaves of gamma")


class Inversion(Corruption):
    """x <- (1 - severity) x + severity (1 - x): the negative, blended with the image.

    1 is the whole negative; at 0.5 nothing of the image is left, which no level is. Source: the negative is that of
    Pillow's ``ImageOps.invert``, the blend that of its ``Image.blend``.
    """

    family: ClassVar[str] = "light"
    levels: ClassVar[tuple[float, ...]] = (0.2, 0.35, 0.65, 0.8, 1.0)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:  # noqa: ARG002 - nothing is drawn
        """Return images blended with their negatives."""
        blended: Values = np.float32(1 - 2 * severity) * images + np.float32(severity)
        return blended

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return at_most(severity, 1, "the negative's part")


brightness = Brightness()
contrast = Contrast()
gamma = Gamma()
inversion = Inversion()
