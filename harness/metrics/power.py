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


def detectable(parts: Components, undecided: int, n: int | NDArray[np.int64] | None = None) -> Floats:
    """Return each pair's smallest difference that n seeds detect with 80 % power, by default as many as there are.

    (t_{1-α/2} + t_{0.8}) √V(n), α the level of 5 % divided among the undecided pairs of the table.
    """
    seeds = parts.n if n is None else n
    alpha = LEVEL / max(undecided, 1)
    freedom = parts.freedom(seeds)
    quantiles = student_quantile(1 - alpha / 2, freedom) + student_quantile(POWER, freedom)
    return np.asarray(quantiles * np.sqrt(parts.variance(seeds)))


def detectable_at_best(parts: Components, undecided: int) -> Floats:
    """Return each pair's smallest difference that these images detect, however many seeds there are."""
    return detectable(parts, undecided, _WITHOUT_END)


def seeds_needed(parts: Components, undecided: int) -> NDArray[np.int64]:
    """Return how many seeds would detect each pair's difference if it is as observed; 0 where 100 would not.

    The smallest n, from as many as there are, with `detectable` no larger than the difference. By bisection: more seeds
    always detect smaller differences.
    """
    size = np.abs(parts.difference)
    low = np.full(len(size), parts.n)  # it may be enough
    high = np.full(len(size), max(MOST_SEEDS, parts.n))
    possible = parts.known & (size > 0) & (detectable(parts, undecided, high) <= size)
    while (low < high).any():
        middle = (low + high) // 2
        enough = detectable(parts, undecided, middle) <= size
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
        low = np.minimum(low, high)
    return np.where(possible, low, 0)
