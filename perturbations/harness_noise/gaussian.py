"""Zero-mean Gaussian noise."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import DataKind

Features = NDArray[np.float32]


class GaussianNoise:
    """x <- clip(x + σ n, 0, 1), n ~ N(0, 1) a pixel; the severity is σ, in units of the pixels' range [0, 1].

    Of vectors x <- x + σ n, n ~ N(0, 1) a feature, in units of the feature's standard deviation.
    """

    takes: ClassVar[frozenset[DataKind]] = frozenset({"image", "vector"})
    suite: ClassVar[str] = "corruptions"
    family: ClassVar[str] = "noise"
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.2, 0.3, 0.4, 0.5)

    def __call__(
        self, features: Features, severity: float, rng: np.random.Generator, *, kind: DataKind = "image"
    ) -> Features:
        """Return noisy copies of rows (rows, *shape)."""
        return next(self.sweep(features, [severity], rng, kind=kind))

    def sweep(
        self, features: Features, severities: Sequence[float], rng: np.random.Generator, *, kind: DataKind = "image"
    ) -> Iterator[Features]:
        """Yield the noisy copies of each severity in turn, all from one draw."""
        noise = rng.standard_normal(features.shape, dtype=np.float32)
        for severity in severities:
            noisy = noise * np.float32(severity)
            noisy += features
            yield noisy if kind == "vector" else np.clip(noisy, 0.0, 1.0, out=noisy)


gaussian_noise = GaussianNoise()
