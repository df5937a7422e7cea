"""Zero-mean Gaussian noise, clipped."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]


class GaussianNoise:
    """x <- clip(x + σ n, 0, 1), n ~ N(0, 1) a pixel; the severity is σ, in units of the pixels' range [0, 1]."""

    def __call__(self, images: Images, severity: float, rng: np.random.Generator) -> Images:
        """Return noisy copies of images (rows, height, width)."""
        return next(self.sweep(images, [severity], rng))

    def sweep(self, images: Images, severities: Sequence[float], rng: np.random.Generator) -> Iterator[Images]:
        """Yield the noisy copies of each severity in turn, all from one draw."""
        noise = rng.standard_normal(images.shape, dtype=np.float32)
        for severity in severities:
            noisy = noise * np.float32(severity)
            noisy += images
            yield np.clip(noisy, 0.0, 1.0, out=noisy)


gaussian_noise = GaussianNoise()
