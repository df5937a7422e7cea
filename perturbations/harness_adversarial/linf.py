"""What attacks in L∞ have in common: what they take, and how far they may go."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import DataKind

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


class LInfinityAttack:
    """An attack that changes no pixel by more than the severity ε, in units of the pixels' range [0, 1].

    Images stay in [0, 1] and are not rounded to 8 bits.
    """

    needs_network: ClassVar[Literal[True]] = True
    takes: ClassVar[frozenset[DataKind]] = frozenset({"image"})
    family: ClassVar[str] = "adversarial"
    levels: ClassVar[tuple[float, ...]] = (0.01, 0.02, 0.05, 0.1, 0.2)
    """ε in units of the pixels' range: 8/255, common for colour photographs, is 0.031; of MNIST's digits it is 0.1 to
    0.3."""

    def check(self, severity: float) -> str | None:
        """Return why an image cannot be changed that far, or None."""
        return None if severity <= 1 else "the largest change of a pixel is between 0 and 1, the pixels' range"
