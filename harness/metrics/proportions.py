"""Intervals of a proportion, and the exact test of two networks on the same images."""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv, ndtri

CONFIDENCE = 0.95
"""The level of every confidence interval."""
NORMAL_QUANTILE = float(ndtri((1 + CONFIDENCE) / 2))
"""Half the confidence interval of what is drawn from a normal distribution, in standard deviations."""

Floats = NDArray[np.float64]


def wilson(proportion: float, images: int) -> tuple[float, float]:
    """Return Wilson's (1927) 95 % confidence interval of a proportion that was seen over some images.

    (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n). It is not symmetric about p.

    Raises:
        ValueError: there are no images.

    >>> [round(end, 4) for end in wilson(0.98, 100)]
    [0.93, 0.9945]
    """
    if images < 1:
        msg = "the interval of a proportion needs at least one image"
        raise ValueError(msg)
    z, n = NORMAL_QUANTILE, images
    middle = proportion + z**2 / (2 * n)
    half = z * sqrt(proportion * (1 - proportion) / n + z**2 / (4 * n**2))
    low, high = ((middle + side * half) / (1 + z**2 / n) for side in (-1, 1))
    return max(0.0, low), min(1.0, high)


def mcnemar(first_alone: ArrayLike, second_alone: ArrayLike) -> Floats:
    """Return the two-sided p-values of McNemar's (1947) exact test.

    The arguments are how many images one network alone gets right, and how many the other alone. If both are as
    accurate, each of these images is as likely to be of either kind: the binomial test of 1/2. 1 where there are none.

    >>> mcnemar([1, 0], [9, 0]).round(4)
    array([0.0215, 1.    ])
    """
    first, second = np.asarray(first_alone, dtype=np.float64), np.asarray(second_alone, dtype=np.float64)
    tail = bdtr(np.minimum(first, second), (first + second).astype(np.int64), 0.5)
    return np.asarray(np.minimum(1.0, 2.0 * tail))


def mcnemar_interval(first_alone: ArrayLike, second_alone: ArrayLike, images: int) -> tuple[Floats, Floats]:
    """Return the 95 % confidence limits of how much more accurate the first network is than the second.

    Clopper and Pearson's (1934) limits of the share of the first among the images that one alone gets right, given how
    many those are. They leave out 0 where `mcnemar` is below 5 %. Both are 0 where there are no such images.

    >>> low, high = mcnemar_interval(9, 1, images=100)
    >>> float(low.round(4)), float(high.round(4))
    (0.011, 0.0995)
    """
    first, second = np.asarray(first_alone, dtype=np.float64), np.asarray(second_alone, dtype=np.float64)
    tail = (1 - CONFIDENCE) / 2
    low = np.where(first > 0, betaincinv(np.maximum(first, 1), second + 1, tail), 0.0)
    high = np.where(second > 0, betaincinv(first + 1, np.maximum(second, 1), 1 - tail), 1.0)
    scale = (first + second) / images
    return scale * (2 * low - 1), scale * (2 * high - 1)
