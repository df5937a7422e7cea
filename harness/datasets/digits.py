"""Scikit-learn's handwritten digits: 1,797 real images of 8 × 8 pixels, no download."""

import numpy as np

from harness.datasets.bundled import Bundled
from harness.interfaces import Labelled


class Digits(Bundled):
    """The test set of UCI's optical recognition of handwritten digits (Alpaydin & Kaynak, 1998), 0 … 9."""

    name = "digits"

    def load(self) -> Labelled:
        """Return the images; their 17 levels 0 … 16 become round(x · 255 / 16)."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Labelled(
            features=np.rint(digits.images * (255.0 / 16.0)).astype(np.uint8),
            labels=digits.target.astype(np.int64),
            class_names=tuple(str(name) for name in digits.target_names),
            kind="image",
        )
