"""Perturbation ``grey_square``: a grey square somewhere on each image."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

import harness
from harness.interfaces import Perturb

Images = NDArray[np.float32]


class Occlusion:
    """Cover a square of each image with mid-grey (Zeiler & Fergus, 2014, section 4.2).

    The severity is the square's side as a fraction of the image's shorter side, rounded to whole pixels; 1 and more
    are the whole of it. Its place is random and does not depend on the severity: a larger square contains the smaller.
    """

    def __call__(self, images: Images, severity: float, rng: np.random.Generator) -> Images:
        """Return copies of images (rows, height, width) or (rows, height, width, channels) with a square covered."""
        return next(self.sweep(images, [severity], rng))

    def sweep(self, images: Images, severities: Sequence[float], rng: np.random.Generator) -> Iterator[Images]:
        """Yield the copies of each severity in turn, the squares in the same places."""
        height, width = images.shape[1:3]
        place = rng.random((2, len(images), 1))  # of the top and the left edge, 0 … 1 of where they may be
        for severity in severities:
            side = round(min(severity, 1.0) * min(height, width))
            top, left = (place * [[[height - side + 1]], [[width - side + 1]]]).astype(int)
            rows, columns = np.arange(height), np.arange(width)
            down = (rows >= top) & (rows < top + side)  # (images, height)
            across = (columns >= left) & (columns < left + side)  # (images, width)
            square = down[:, :, None] & across[:, None, :]  # (images, height, width), of every channel
            yield np.where(square.reshape(*square.shape, *[1] * (images.ndim - 3)), np.float32(0.5), images)


@harness.hookimpl
def register_perturbations(register: Callable[[str, Perturb | str], None]) -> None:
    """Offer grey_square."""
    register("grey_square", Occlusion())
