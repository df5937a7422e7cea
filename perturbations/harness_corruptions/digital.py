"""Digital: fewer pixels, and JPEG's losses. Both are Pillow's."""

from importlib.util import find_spec
from io import BytesIO
from typing import Any, ClassVar

import numpy as np

from harness_corruptions.corruption import Corruption, Images, Values, by_channel, planes

_BLOCK = 8
"""The side of the blocks that JPEG codes."""
_TALLEST = 65_500
"""The most pixels of a side of a JPEG, in libjpeg."""


class Pixelate(Corruption):
    """Shrink each image by the factor 1 - severity and enlarge it to its size, each by the mean over a pixel's box.

    The severity is the part of the resolution that is lost; the smaller image has at least a pixel. Source: Hendrycks &
    Dietterich (2019), "pixelate".
    """

    family: ClassVar[str] = "digital"
    smallest: ClassVar[int] = 8
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.4, 0.5, 0.6, 0.75)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:  # noqa: ARG002 - nothing is drawn
        """Return coarser images."""
        from PIL import Image

        height, width = images.shape[1:3]
        small = (max(1, round(width * (1 - severity))), max(1, round(height * (1 - severity))))

        def coarse(channel: Values) -> Values:
            plane = Image.fromarray(np.ascontiguousarray(channel))
            box = Image.Resampling.BOX
            return np.asarray(plane.resize(small, box).resize((width, height), box))

        return by_channel(images, coarse)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        return None if severity < 1 else "it is a part of the resolution, below 1"

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, or None."""
        return _without_pillow()


class Jpeg(Corruption):
    """Save each image as a JPEG of quality 100 - severity, and read it: whole numbers from 1 to 99.

    Of three channels as RGB, with JPEG's halved resolution of colour; of another number each channel as a grey image.
    Source: Hendrycks & Dietterich (2019), "JPEG compression".
    """

    family: ClassVar[str] = "digital"
    smallest: ClassVar[int] = 8
    levels: ClassVar[tuple[float, ...]] = (75.0, 82.0, 88.0, 93.0, 97.0)

    def apply(self, images: Images, severity: float, drawn: Any) -> Values:  # noqa: ARG002 - nothing is drawn
        """Return images as they are read from their JPEG files."""
        pixels = np.rint(images * np.float32(255)).astype(np.uint8)
        quality = 100 - int(severity)
        if pixels.shape[3:] == (3,):
            read = np.stack([_through_jpeg(image, quality) for image in pixels])
        else:
            read = np.stack(
                [_grey_through_jpeg(plane, quality) for plane in np.moveaxis(planes(pixels), -1, 0)], axis=-1
            )
            read = read.reshape(images.shape)
        return read.astype(np.float32) / np.float32(255)

    def check(self, severity: float) -> str | None:
        """Return why there is no such severity, or None."""
        whole = severity == int(severity) and 1 <= severity <= 99
        return None if whole else "JPEG's quality is 100 - severity, a whole number from 1 to 99"

    def unavailable(self) -> str | None:
        """Return why it cannot be used here, or None."""
        return _without_pillow()


def _grey_through_jpeg(images: Values, quality: int) -> Values:
    """Return grey images (rows, height, width) through JPEG, many in a file: ten times as fast as one by one.

    The bits are the same, as JPEG codes each 8 × 8 block by itself and goes on beyond a border with its outermost
    pixels; colour, whose resolution is halved across blocks, has no such way.
    """
    rows, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, -height % _BLOCK), (0, -width % _BLOCK)), mode="edge")
    read = np.empty_like(padded)
    part = max(1, _TALLEST // padded.shape[1])
    for start in range(0, rows, part):
        column = padded[start : start + part].reshape(-1, padded.shape[2])
        read[start : start + part] = _through_jpeg(column, quality).reshape(-1, *padded.shape[1:])
    return read[:, :height, :width]


def _through_jpeg(pixels: Values, quality: int) -> Values:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _without_pillow() -> str | None:
    return None if find_spec("PIL") else "needs Pillow: pip install 'nn-harness[images]'"


pixelate = Pixelate()
jpeg = Jpeg()
