"""The variance of differences between experiments: a part of the seeds, and a part of the images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from harness.metrics.crossed import Floats, Sums
from harness.metrics.shrinkage import seed_variances

_ROUNDING = 1e-12
"""What is below this part of the terms that it is the difference of is 0 but for rounding."""
_NORMAL = 1e9
"""Student's t is the normal distribution from these degrees of freedom on."""


@dataclass(frozen=True, eq=False)
class Components:
    """What the difference in a metric between every two experiments consists of; all arrays are (pairs,).

    ``first`` and ``second``: the positions of each two experiments, the first the lower. ``difference``: how much the
    first's mean is above the second's. ``seeds``: the variance of the difference of one seed, 0 where there is one seed
    only. ``images``: the part of the variance that no number of seeds reduces. ``prior``: the degrees of freedom that
    the other experiments contribute to ``seeds``. ``known``: whether the variance is. ``n``: how many seeds.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    difference: Floats
    seeds: Floats
    images: Floats
    prior: Floats
    known: NDArray[np.bool_]
    n: int

    def of(self, pairs: NDArray[np.bool_]) -> Components:
        """Return the components of some of the pairs."""
        arrays = ("first", "second", "difference", "seeds", "images", "prior", "known")
        return replace(self, **{name: getattr(self, name)[pairs] for name in arrays})

    def variance(self, n: int | NDArray[np.int64]) -> Floats:
        """Return the variances of the differences at a number of seeds."""
        return np.asarray(self.seeds / n + self.images)

    def freedom(self, n: int | NDArray[np.int64]) -> Floats:
        """Return the degrees of freedom at a number of seeds, infinite where seeds have no part in the variance.

        Hillis (2007): V² / ((S / n)² / ν), with ν = d₀ + n - 1 that of the part of the seeds.
        """
        part, total = self.seeds / n, self.variance(n)
        ratio = np.divide(total, part, out=np.full(len(part), np.inf), where=part > total * _ROUNDING)
        return np.asarray(np.where(np.isfinite(ratio), ratio**2 * np.maximum(self.prior + n - 1, 1), np.inf))

    def half(self, n: int, confidence: float) -> Floats:
        """Return half the confidence intervals of the differences."""
        return student_quantile((1 + confidence) / 2, self.freedom(n)) * np.sqrt(self.variance(n))

    def p(self) -> Floats:
        """Return the two-sided p-values of differences of 0; 1 where the variance is not known."""
        error = np.sqrt(self.variance(self.n))
        t = np.divide(np.abs(self.difference), error, out=np.zeros(len(error)), where=self.known & (error > 0))
        return student_p(t, self.freedom(self.n))


def student_p(t: Floats, freedom: Floats) -> Floats:
    """Return the two-sided p-values of Student's t ≥ 0; infinite degrees of freedom are the normal distribution's."""
    tails = np.where(freedom < _NORMAL, stdtr(np.minimum(freedom, _NORMAL), -t), ndtr(-t))
    return np.asarray(np.minimum(1.0, 2.0 * tails))


def student_quantile(probability: float | Floats, freedom: Floats) -> Floats:
    """Return Student's quantiles; infinite degrees of freedom are the normal distribution's."""
    finite = freedom < _NORMAL
    # Found by iteration: no other function here takes as long, and the largest degrees of freedom take longest.
    quantiles = stdtrit(np.where(finite, freedom, 1.0), probability)
    return np.asarray(np.where(finite, quantiles, ndtri(probability)))


def components(sums: Sums) -> Components:
    """Return the components of every pair's variance.

    With z = v_k - v_l: the variance over seeds is s² = varₛ(z̄ₛ), but neither below e² / m, what the residual
    e² = meanᵢ varₛ(z_si) makes of it by chance, nor below the two experiments' variances of `seed_variances`. The
    images' part is B = max(0, varᵢ(z̄ᵢ) - e² / n) / m. Of one seed it is V = varᵢ(zᵢ) / m, and all that is known.

    A difference D that all images and seeds show alike has no variance: it gets (D / m)², as if one image had shown
    none.
    """
    n, m = sums.seeds, sums.images
    first, second = np.triu_indices(sums.experiments, 1)
    theta = sums.means.mean(axis=1)
    difference = _but_for_rounding(theta[first] - theta[second], np.abs(theta[first]) + np.abs(theta[second]))
    of_seeds = of_images = residual = prior = np.zeros(len(difference))
    if sums.between is not None and m > 1:
        of_images = _of_pairs(sums.between, first, second) * m / (m - 1)
    if n > 1:
        if sums.within is not None and sums.between is not None:
            residual = _of_pairs((sums.within - n * sums.between) / (n - 1), first, second)
        own = (sums.means[first] - sums.means[second]).std(axis=1, ddof=1)
        own = _but_for_rounding(own, np.abs(theta[first]) + np.abs(theta[second])) ** 2
        shrunken, freedom = seed_variances(sums.means)
        prior = np.minimum(freedom[first], freedom[second])
        of_seeds = np.maximum(np.maximum(shrunken[first] + shrunken[second], own), residual / max(m, 1))
    of_images = np.maximum(of_images - residual / n, 0.0) / max(m, 1)
    if m:
        of_images = np.maximum(of_images, (difference / m) ** 2 - of_seeds / n)
    known = (of_seeds + of_images > 0) | ((difference == 0) & (n > 1 or m > 0))
    return Components(first, second, difference, of_seeds, of_images, prior, known, n)


def _of_pairs(matrix: Floats, first: NDArray[np.intp], second: NDArray[np.intp]) -> Floats:
    """Return of each pair the variance of its difference, from the covariances of the experiments."""
    own = np.diag(matrix)
    terms = own[first] + own[second]
    return np.maximum(_but_for_rounding(terms - 2 * matrix[first, second], terms), 0.0)


def _but_for_rounding(values: Floats, terms: Floats) -> Floats:
    """Return differences, 0 where they are not above the rounding of their terms."""
    return np.where(np.abs(values) > _ROUNDING * terms, values, 0.0)
