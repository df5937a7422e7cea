"""Vectors in units of a standard deviation: what a network is given, and what perturbations of vectors work on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK_VALUES = 1 << 20


@dataclass(frozen=True)
class Scaling:
    """The mean and standard deviation of each feature (*shape) over the training rows, float64."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    """The biased one (divided by the rows); 1 where a feature is constant."""

    @classmethod
    def of(cls, features: NDArray[np.float32], rows: NDArray[np.int64]) -> "Scaling":
        """Measure the training ``rows`` of features (rows, *shape), a block at a time.

        Sums are float64, row by row in the order of ``rows``: the same bits on every machine.
        """
        blocks = [rows[start : start + _rows(features)] for start in range(0, len(rows), _rows(features))]
        shape = features.shape[1:]
        total, squares = np.zeros(shape), np.zeros(shape)
        for block in blocks:
            total += features[block].sum(axis=0, dtype=np.float64)
        mean = total / len(rows)
        constant = np.ones(shape, dtype=np.bool_)
        for block in blocks:
            away = features[block] - mean
            squares += np.square(away).sum(axis=0)
            constant &= (features[block] == features[rows[0]]).all(axis=0)
        deviation = np.sqrt(squares / len(rows))
        # By the values: rounding leaves a constant feature a tiny deviation, which would make noise of it. So may
        # the square of a tiny one be 0.
        return cls(mean, np.where(constant | (deviation == 0), 1.0, deviation))

    def standardised(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features (rows, *shape) of mean 0 and standard deviation 1, float32, a new array."""
        standardised = np.empty(features.shape, dtype=np.float32)
        step = _rows(features)
        for start in range(0, len(features), step):
            part = slice(start, start + step)
            standardised[part] = (features[part] - self.mean) / self.deviation
        return standardised

    def moved(
        self, features: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return raw features (rows, *shape) moved as their standardised form was, from ``before`` to ``after``.

        Where that did not move, they keep their bits.
        """
        change = (after.astype(np.float64) - before) * self.deviation
        return (features + change).astype(np.float32)


def _rows(features: NDArray[np.float32]) -> int:
    """Return how many rows make a block."""
    return max(1, _BLOCK_VALUES // max(1, int(np.prod(features.shape[1:]))))
