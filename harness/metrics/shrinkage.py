"""Experiments' variances over seeds, each steadied by the others': few seeds say little of a variance."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, polygamma

from harness.metrics.crossed import Floats

FEWEST = 4
"""Below this many experiments their variances say too little of one another."""
OUTLIER = 4.0
"""An experiment with this many times the median variance keeps its own: it is not like the others."""
_FLOOR = 0.05
"""No variance is below this part of the mean one: after double centring it may be negative."""
_TOLERANCE = 1e-8
_MOST_STEPS = 50


def seed_variances(means: Floats) -> tuple[Floats, Floats]:
    """Return each experiment's variance over seeds, and the degrees of freedom that the others contribute, both (K,).

    ``means`` (K, n): each network's metric. What seeds do to all experiments alike is removed by double centring. With
    r the rest, v_k = Σₛ r² / (n - 1) · K / (K - 1), v̄ their mean, an experiment's own variance is estimated by
    τ_k = max((v_k - v̄ / K) K / (K - 2), 0.05 v̄) (Grubbs, 1948). Shrunken towards the s₀² of all with the d₀ degrees of
    freedom that Smyth (2004, Statistical Applications in Genetics and Molecular Biology 3, 3) estimates, it is
    (d₀ s₀² + (n - 1) τ_k) / (d₀ + n - 1), d₀ at most (K - 1) (n - 1). A τ_k over four times the median is not shrunken:
    d₀ = 0.

    All are 0 below four experiments, below two seeds, and where all experiments differ by the same for every seed.
    """
    count, n = means.shape
    nothing = np.zeros(count)
    if count < FEWEST or n < 2:
        return nothing, nothing
    rest = means - means.mean(axis=0)
    rest = rest - rest.mean(axis=1, keepdims=True)
    spread = (rest**2).sum(axis=1) / (n - 1) * count / (count - 1)
    mean = spread.mean()
    if mean <= (np.finfo(np.float64).eps * np.abs(means).max()) ** 2 * count:
        return nothing, nothing
    own = np.maximum((spread - mean / count) * count / (count - 2), _FLOOR * mean)
    prior, common = _prior(own, n - 1)
    prior = min(prior, (count - 1) * (n - 1.0))
    alike = own <= OUTLIER * np.median(own)
    shrunken = (prior * common + (n - 1) * own) / (prior + n - 1)
    return np.where(alike, shrunken, own), np.where(alike, prior, 0.0)


def _prior(variances: Floats, freedom: int) -> tuple[float, float]:
    """Return d₀ and s₀² of the scaled inverse chi-squared distribution of variances (Smyth, 2004, section 6.2).

    They fit the mean and the variance of the logarithms; d₀ is infinite where these vary no more than chance does.
    """
    logarithms = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)
    mean = float(logarithms.mean())
    excess = float(logarithms.var(ddof=1) - polygamma(1, freedom / 2))
    if excess <= 0:
        return float("inf"), float(np.exp(mean))
    prior = 2 * _inverse_trigamma(excess)
    return prior, float(np.exp(mean + digamma(prior / 2) - np.log(prior / 2)))


def _inverse_trigamma(value: float) -> float:
    """Return y with ψ′(y) = ``value`` > 0, by Newton's method (Smyth, 2004, appendix).

    >>> round(_inverse_trigamma(float(polygamma(1, 2.5))), 12)
    2.5
    """
    y = 0.5 + 1 / value
    for _ in range(_MOST_STEPS):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if -step / y < _TOLERANCE:
            break
    return y
