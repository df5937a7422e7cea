"""Sums of products of per-image values, over seeds crossed with images: all that comparisons need of predictions.

Every network of a run sees the same test images, and every experiment has the same seeds: a design of two crossed
factors, as in multi-reader multi-case analysis, with readers for seeds and cases for images (Dorfman, Berbaum & Metz,
1992, Investigative Radiology 27, 723-731; Hillis, 2007, Statistics in Medicine 26, 596-619).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = NDArray[Any]

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

    def beside_zero(self, experiment: int) -> Sums:
        """Return the sums of one experiment and of one whose values are all 0: to compare it with a number."""
        own = slice(experiment, experiment + 1)

        def padded(matrix: Floats | None) -> Floats | None:
            return None if matrix is None else np.pad(matrix[own, own], (0, 1))

        means = np.pad(self.means[own], ((0, 1), (0, 0)))
        return Sums(means, padded(self.within), padded(self.between), self.images)

    def of(self, chosen: Sequence[int]) -> Sums:
        """Return the sums of the chosen experiments, by their positions."""
        both = np.ix_(chosen, chosen)
        within, between = (None if matrix is None else matrix[both] for matrix in (self.within, self.between))
        return Sums(self.means[list(chosen)], within, between, self.images)


class Summation:
    """Sums the values of K experiments seed by seed, so that no seed's values are kept.

    It holds two float32 for each experiment and image.
    """

    def __init__(self, experiments: int) -> None:
        self._experiments = experiments
        self._means: list[float] = []
        self._seed: NDArray[np.float32] | None = None  # (experiments, images), centred
        self._total: NDArray[np.float32] | None = None
        self._within = np.zeros((experiments, experiments))

    def add(self, values: Values) -> None:
        """Take the values (images,) of one network: of every experiment for the first seed, then for the next."""
        mean = float(values.mean(dtype=np.float64))
        if self._seed is None:
            self._seed = np.empty((self._experiments, len(values)), dtype=np.float32)
        place = len(self._means) % self._experiments
        self._seed[place] = values - np.float64(mean) if np.isfinite(mean) else 0.0
        self._means.append(mean)
        if place + 1 == self._experiments:
            self._within += _products(self._seed)
            if self._total is None:
                self._total, self._seed = self._seed, None  # as it is: another array for the next seed
            else:
                self._total += self._seed

    def sums(self) -> Sums:
        """Return the sums over the seeds that were added, one at least.

        Those of an experiment with a mean that is not finite have no meaning.

        Raises:
            ValueError: nothing was added, or a seed lacks an experiment.
        """
        if self._total is None or len(self._means) % self._experiments:
            msg = "sums take the values of every experiment for each seed"
            raise ValueError(msg)
        means = np.array(self._means).reshape(-1, self._experiments).T
        images = self._total.shape[1]
        between = _products(self._total) / means.shape[1] ** 2
        return Sums(means, self._within / images, between / images, images)


def summed(values: Sequence[Sequence[Values]]) -> Sums:
    """Return the sums of values, for each seed an array (images,) of each experiment."""
    summation = Summation(len(values[0]))
    for network in (network for seed in values for network in seed):
        summation.add(network)
    return summation.sums()


def _products(values: NDArray[np.float32]) -> Floats:
    """Return the products of every two rows, summed over the columns in float64."""
    result = np.zeros((len(values), len(values)))
    for start in range(0, values.shape[1], _BLOCK):
        block = values[:, start : start + _BLOCK].astype(np.float64)
        result += block @ block.T
    return result
