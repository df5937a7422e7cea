"""Sums of products of per-image values, over seeds crossed with images: all that comparisons need of predictions.

Every network of a run sees the same test images, and every experiment has the same seeds: a design of two crossed
factors, as in multi-reader multi-case analysis, with readers for seeds and cases for images (Dorfman, Berbaum & Metz,
1992, Investigative Radiology 27, 723-731; Hillis, 2007, Statistics in Medicine 26, 596-619).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = NDArray[np.floating]

_BLOCK = 8192
"""Images whose products are summed at a time, in float64; the values themselves are kept in float32."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the images of some experiments' values, K experiments by n seeds.

    ``means`` (K, n): each network's metric. ``within`` (K, K): Σₛ Σᵢ (v_ski - v̄_sk) (v_sli - v̄_sl) / m over seeds s and
    the m images i. ``between`` (K, K): the same of the values' means over seeds. Both are None, and ``images`` is 0,
    where there are no per-image values: the seeds alone are known then.
    """

    means: Floats
    within: Floats | None = None
    between: Floats | None = None
    images: int = 0

    @property
    def experiments(self) -> int:
        """How many experiments there are."""
        return len(self.means)

    @property
    def seeds(self) -> int:
        """How many seeds each experiment has."""
        return int(self.means.shape[1])

    def of(self, chosen: Sequence[int]) -> Sums:
        """Return the sums of the chosen experiments, by their positions."""
        both = np.ix_(chosen, chosen)
        within, between = (None if matrix is None else matrix[both] for matrix in (self.within, self.between))
        return Sums(self.means[list(chosen)], within, between, self.images)


class Summation:
    """Sums values seed by seed, so that a seed's values need not be kept.

    It holds one float32 for each experiment and image.
    """

    def __init__(self) -> None:
        self._means: list[Floats] = []
        self._within: Floats = np.zeros((0, 0))
        self._total: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)

    def add(self, values: Iterable[Values]) -> None:
        """Take one seed's values, an array (images,) for each experiment, always in the same order."""
        rows = [np.asarray(row) for row in values]
        means = np.array([row.mean(dtype=np.float64) for row in rows])
        centred = np.empty((len(rows), len(rows[0])), dtype=np.float32)
        for place, (row, mean) in enumerate(zip(rows, means, strict=True)):
            centred[place] = np.asarray(row, dtype=np.float64) - mean if np.isfinite(mean) else 0.0
        self._means.append(means)
        products = _products(centred)
        if len(self._means) == 1:
            self._within, self._total = products, centred
        else:
            self._within += products
            self._total += centred

    def sums(self) -> Sums:
        """Return the sums over the seeds that were added, at least one.

        An experiment with a mean that is not finite has sums without a meaning.
        """
        seeds, images = len(self._means), self._total.shape[1]
        between = _products(self._total) / seeds**2
        return Sums(np.stack(self._means, axis=1), self._within / images, between / images, images)


def summed(seeds: Iterable[Iterable[Values]]) -> Sums:
    """Return the sums of values, for each seed an array (images,) of each experiment."""
    summation = Summation()
    for values in seeds:
        summation.add(values)
    return summation.sums()


def _products(values: NDArray[np.float32]) -> Floats:
    """Return the products of every two rows, summed over the columns in float64."""
    result = np.zeros((len(values), len(values)))
    for start in range(0, values.shape[1], _BLOCK):
        block = values[:, start : start + _BLOCK].astype(np.float64)
        result += block @ block.T
    return result
