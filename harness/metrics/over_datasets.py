"""Experiments compared over several datasets, which are the sample (Demšar, 2006).

J. Demšar, Statistical comparisons of classifiers over multiple data sets, Journal of Machine Learning Research 7
(2006), 1-30. On each dataset the K experiments are ranked; nothing is assumed of how a metric varies between datasets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.metrics.friedman import Friedman, friedman
from harness.metrics.proportions import CONFIDENCE, wilson
from harness.metrics.ranking import LEVEL, holm

Floats = NDArray[np.float64]
_DIGITS = 9
"""Behind the point; what differs in later ones is the rounding of binary fractions."""
ENOUGH = 6
"""The fewest datasets that can decide at 5 % without assuming anything of how values vary: 2 / 2⁶ is below.

It is the smallest p of Wilcoxon's and the sign test of two experiments, and the chance that all of six datasets are on
the same side of the true median: below, no interval within the observed ranks has 95 %.
"""
APPROXIMATE = 10
"""Below about this many datasets, Friedman's χ² and Nemenyi's difference are rough approximations (Demšar, 2006)."""


@dataclass(frozen=True)
class PairOverDatasets:
    """Two experiments over the datasets: on how many the first is better, equal and worse, and what tests say.

    ``win_rate``: the first's, a tie counts half; ``low`` and ``high``: its 95 % interval. ``p``: Wilcoxon's signed-rank
    test (1945), None where all differences are 0; ``p_holm``: adjusted for the number of pairs. ``nemenyi_p``: of the
    difference of their mean ranks among all experiments.
    """

    first: int
    second: int
    wins: int
    ties: int
    losses: int
    win_rate: float
    low: float
    high: float
    p: float | None
    p_holm: float | None
    nemenyi_p: float


@dataclass(frozen=True)
class OverDatasets:
    """K experiments on the same N datasets.

    ``goodness`` (N, K): higher is better. ``ranks`` (N, K): 1 the best, ties share their average. ``mean_ranks`` (K,),
    with the ends ``low`` and ``high`` of their 95 % confidence intervals over datasets, NaN of fewer than six datasets,
    and where an experiment has the same rank on all: nothing is known of how its rank varies.
    ``friedman``: None of fewer than two datasets or three experiments. ``critical``: Nemenyi's critical difference of
    mean ranks, None of fewer than two datasets or experiments.
    """

    goodness: Floats
    ranks: Floats
    mean_ranks: Floats
    low: Floats
    high: Floats
    friedman: Friedman | None
    critical: float | None

    @cached_property
    def differ(self) -> NDArray[np.bool_]:
        """Which experiments differ significantly (K, K): by Nemenyi's test, if Friedman's rejects that all are equal.

        Of two experiments, by Wilcoxon's test.
        """
        count = len(self.mean_ranks)
        if self.friedman is None or self.critical is None:
            p = self.pairs[0].p if count == 2 else None
            return ~np.eye(count, dtype=bool) & (p is not None and p <= LEVEL)
        apart = np.abs(self.mean_ranks[:, None] - self.mean_ranks[None, :]) >= self.critical
        return np.asarray(apart & self.friedman.significant)

    @cached_property
    def pairs(self) -> list[PairOverDatasets]:
        """Every pair of experiments, in their order."""
        return _pairs(self.goodness, self.mean_ranks)


def over_datasets(goodness: ArrayLike) -> OverDatasets:
    """Return the comparison of experiments by how good each is on each dataset, (N, K), higher is better.

    Values that differ by less than binary fractions round are equal. Minus infinity is worst.

    Raises:
        ValueError: there is no dataset, or no experiment.
    """
    good = settled(goodness)
    datasets, count = good.shape
    if not good.size:
        msg = "a comparison over datasets needs a dataset and an experiment"
        raise ValueError(msg)
    ranks = dataset_ranks(good)
    mean = ranks.mean(axis=0)
    half = np.full(count, np.nan)
    if datasets >= ENOUGH:
        half = _stats().t.ppf((1 + CONFIDENCE) / 2, datasets - 1) * ranks.std(axis=0, ddof=1) / sqrt(datasets)
        half[np.ptp(ranks, axis=0) == 0] = np.nan
    tested = datasets > 1 and count > 1
    return OverDatasets(
        good,
        ranks,
        mean,
        np.maximum(mean - half, 1.0),
        np.minimum(mean + half, count),
        friedman(ranks) if tested and count > 2 else None,
        critical_difference(datasets, count) if tested else None,
    )


def settled(goodness: ArrayLike) -> Floats:
    """Return values without the noise of binary fractions, so that means of the same numbers are equal."""
    return np.asarray(np.round(np.asarray(goodness, dtype=np.float64), _DIGITS))


def dataset_ranks(goodness: ArrayLike) -> Floats:
    """Return the ranks of experiments on each dataset, (N, K): 1 the best, equal ones share their average.

    >>> dataset_ranks([[0.9, 0.8, 0.9]])
    array([[1.5, 3. , 1.5]])
    """
    return np.asarray(_stats().rankdata(-np.asarray(goodness, dtype=np.float64), axis=1))


def critical_difference(datasets: int, experiments: int, level: float = LEVEL) -> float:
    """Return Nemenyi's (1963) critical difference of mean ranks: q √(K (K + 1) / 6N).

    q is the quantile of the studentized range of K means with infinite degrees of freedom, divided by √2.

    >>> round(critical_difference(14, 4), 2)
    1.25
    """
    quantile = float(_stats().studentized_range.ppf(1 - level, experiments, np.inf)) / sqrt(2)
    return quantile * _standard_error(datasets, experiments)


def win_rate(shares: ArrayLike) -> tuple[float, float, float]:
    """Return the mean of an experiment's share of wins on each dataset, and the ends of its 95 % interval.

    That is Wilson's interval of a proportion over as many datasets: a share between 0 and 1 varies no more than that of
    a coin, so that the interval is at least as wide as it must be.

    Raises:
        ValueError: there are no datasets.
    """
    values = np.asarray(shares, dtype=np.float64)
    if not len(values):
        msg = "a win rate needs at least one dataset"
        raise ValueError(msg)
    mean = float(values.mean())
    return mean, *wilson(mean, len(values))


def share_of_wins(value: float, others: ArrayLike) -> float:
    """Return the share of others that a value beats on a dataset, a tie as half; NaN without others.

    >>> share_of_wins(0.9, [0.8, 0.9, 0.95, 0.7])
    0.625
    """
    others = np.asarray(others, dtype=np.float64)
    if not len(others):
        return float("nan")
    return float(((value > others) + 0.5 * (value == others)).mean())


def smallest_p(datasets: int) -> float:
    """Return the smallest p-value that Wilcoxon's exact two-sided test can have: one experiment wins everywhere.

    >>> smallest_p(3)
    0.25
    """
    return float(min(1.0, 2.0 ** (1 - datasets)))


def _standard_error(datasets: int, experiments: int) -> float:
    return sqrt(experiments * (experiments + 1) / (6 * datasets))


def _pairs(good: Floats, mean: Floats) -> list[PairOverDatasets]:
    datasets, count = good.shape
    firsts, seconds = np.triu_indices(count, 1)
    with np.errstate(invalid="ignore"):  # two that are worst are equal
        above = settled(np.nan_to_num(good[:, firsts] - good[:, seconds], posinf=np.inf, neginf=-np.inf))  # (N, pairs)
    ps = [_wilcoxon(differences) for differences in above.T]
    adjusted = iter(holm([p for p in ps if p is not None]).tolist())
    distances = np.abs(mean[firsts] - mean[seconds]) / _standard_error(datasets, count) * sqrt(2)
    nemenyi = _stats().studentized_range.sf(distances, count, np.inf) if len(distances) else distances
    pairs = []
    for at, p in enumerate(ps):
        wins, losses = int((above[:, at] > 0).sum()), int((above[:, at] < 0).sum())
        ties = datasets - wins - losses
        rate, low, high = win_rate([1.0] * wins + [0.5] * ties + [0.0] * losses)
        p_holm = None if p is None else float(next(adjusted))
        first, second = int(firsts[at]), int(seconds[at])
        pairs.append(
            PairOverDatasets(first, second, wins, ties, losses, rate, low, high, p, p_holm, float(nemenyi[at]))
        )
    return pairs


def _wilcoxon(differences: Floats) -> float | None:
    """Return the p-value of Wilcoxon's test; datasets without a difference are left out; None where all are."""
    left = differences[differences != 0]
    return float(_stats().wilcoxon(left).pvalue) if len(left) else None


def _stats() -> Any:
    """Return scipy's statistics: they take a second to load, for which tables of one dataset need not wait."""
    from scipy import stats

    return stats
