"""What more seeds would settle: the smallest detectable difference, and the seeds that a difference needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.components import Components, student_quantile
from harness.metrics.crossed import Floats
from harness.metrics.ranking import LEVEL

POWER = 0.8
"""The chance with which a detectable difference is detected."""
MOST_SEEDS = 100
"""Advice never asks for more seeds than this."""
_WITHOUT_END = 10**6
_KNOTS = 128
_ROUNDING = 1e-9
"""More than quantiles are off by."""


def detectable(parts: Components, undecided: int, n: int | NDArray[np.int64] | None = None) -> Floats:
    """Return each pair's smallest difference that n seeds detect with 80 % power, by default as many as there are.

    (t_{1-α/2} + t_{0.8}) √V(n), α the level of 5 % divided among the undecided pairs of the table.
    """
    seeds = parts.n if n is None else n
    return _factor(parts.freedom(seeds), undecided) * np.sqrt(parts.variance(seeds))


def _factor(freedom: Floats, undecided: int) -> Floats:
    """Return how many standard errors a detectable difference is, by its degrees of freedom."""
    alpha = LEVEL / max(undecided, 1)
    return np.asarray(student_quantile(1 - alpha / 2, freedom) + student_quantile(POWER, freedom))


def median_detectable(parts: Components, undecided: int, n: int | None = None) -> float | None:
    """Return the median of `detectable` over the pairs whose variance is known and not 0, None where there are none.

    To the last bit, but with Student's quantiles of few pairs. They decrease with the degrees of freedom, so those of
    some degrees of freedom bound all others; a pair whose bounds are both below, or both above, those of the median
    need not be known better.
    """
    seeds = parts.n if n is None else n
    parts = parts.of(parts.known & (parts.variance(seeds) > 0))
    freedom, error = parts.freedom(seeds), np.sqrt(parts.variance(seeds))
    if not len(error):
        return None
    knots = np.append(np.geomspace(min(freedom.min(), 1e9), 1e9, _KNOTS), np.inf)
    factors = _factor(knots, undecided)
    place = np.clip(np.searchsorted(knots, freedom, side="right") - 1, 0, _KNOTS - 1)
    low, high = factors[place + 1] * error * (1 - _ROUNDING), factors[place] * error * (1 + _ROUNDING)
    middle = [(len(error) - 1) // 2, len(error) // 2]
    least, most = np.partition(low, middle)[middle[0]], np.partition(high, middle)[middle[1]]
    differences = np.where(high < least, high, low)
    near = (high >= least) & (low <= most)
    differences[near] = detectable(parts.of(near), undecided, seeds)
    return float(np.median(differences))


def median_detectable_at_best(parts: Components, undecided: int) -> float | None:
    """Return the median of what these images detect, however many seeds there are."""
    return median_detectable(parts, undecided, _WITHOUT_END)


def seeds_needed(parts: Components, undecided: int) -> NDArray[np.int64]:
    """Return how many seeds would detect each pair's difference if it is as observed; 0 where 100 would not.

    The smallest n, from as many as there are, with `detectable` no larger than the difference. By bisection: more seeds
    always detect smaller differences.
    """
    size = np.abs(parts.difference)
    possible = parts.known & (size > 0)
    most = max(MOST_SEEDS, parts.n)
    possible[possible] = detectable(parts.of(possible), undecided, most) <= size[possible]
    parts, size = parts.of(possible), size[possible]  # of thousands of pairs, few
    low = np.full(len(size), parts.n)  # it may be enough
    high = np.full(len(size), most)
    while (low < high).any():
        middle = (low + high) // 2
        enough = detectable(parts, undecided, middle) <= size
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
        low = np.minimum(low, high)
    needed = np.zeros(len(possible), dtype=low.dtype)
    needed[possible] = low
    return needed
