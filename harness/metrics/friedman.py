"""Friedman's test that experiments have the same mean rank over datasets, exact where the datasets are few.

M. Friedman, The use of ranks to avoid the assumption of normality implicit in the analysis of variance, Journal of the
American Statistical Association 32 (1937), 675-701. R. L. Iman and J. M. Davenport, Approximations of the critical
region of the Friedman statistic, Communications in Statistics A9 (1980), 571-595.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from math import factorial, inf, isinf, nan

import numpy as np
from numpy.typing import NDArray

from harness.metrics.ranking import LEVEL

Floats = NDArray[np.float64]
_Doubled = NDArray[np.int64]
"""Ranks or their sums, twice: ties have halves."""
_ROUNDING = 1e-9
_MOST_SUMS, _MOST_LAST = 700_000, 2_000_000
"""The most sums of ranks to sort, which takes a quarter of a second or less, and to make with the last dataset."""
_KEY = 2**64


@dataclass(frozen=True)
class Friedman:
    """Friedman's test, corrected for ties.

    ``chi2`` with its ``p``. ``f``: Iman and Davenport's statistic, infinite where all datasets rank alike, which has no
    ``f_p`` then, but NaN. ``degrees``: of freedom, those of ``chi2`` and the first of ``f``, and the second of ``f``.
    ``exact_p``: the share of all arrangements of the same ranks on each dataset whose statistic is at least as large;
    None where there are too many.
    """

    chi2: float
    p: float
    f: float
    f_p: float
    degrees: tuple[int, int]
    exact_p: float | None

    @property
    def decisive_p(self) -> float:
        """The p-value of the verdict: the exact one if known, else that of F, which is less conservative than χ²."""
        return self.f_p if self.exact_p is None else self.exact_p

    @property
    def significant(self) -> bool:
        """Whether some experiments differ."""
        return self.decisive_p <= LEVEL


def friedman(ranks: Floats) -> Friedman:
    """Return Friedman's test of (N, K) ranks on N > 1 datasets of K > 2 experiments."""
    from scipy import stats  # takes a second to load, for which tables of one dataset need not wait

    datasets, count = ranks.shape
    degrees = (count - 1, (count - 1) * (datasets - 1))
    if np.all(ranks == ranks[:, :1]):  # all tied on every dataset: scipy divides by 0
        return Friedman(0.0, 1.0, 0.0, 1.0, degrees, 1.0)
    result = stats.friedmanchisquare(*ranks.T)
    chi2 = float(result.statistic)
    f = iman_davenport(chi2, datasets, count)
    f_p = nan if isinf(f) else float(stats.f.sf(f, *degrees))
    return Friedman(chi2, float(result.pvalue), f, f_p, degrees, exact_p(ranks))


def iman_davenport(chi2: float, datasets: int, experiments: int) -> float:
    """Return Iman and Davenport's F = (N - 1) χ² / (N (K - 1) - χ²); infinite where all datasets rank alike.

    >>> round(iman_davenport(9.28, 14, 4), 2)
    3.69
    """
    rest = datasets * (experiments - 1) - chi2
    return (datasets - 1) * chi2 / rest if rest > _ROUNDING else inf


def exact_p(ranks: Floats) -> float | None:
    """Return the exact p-value of Friedman's statistic of (N, K) ranks, or None where that takes too much time.

    If experiments are alike, each order of a dataset's ranks is as likely as any other. The statistic grows with the
    sum of squares of the experiments' sums of ranks. Which experiment has which sum does not matter: sums are sorted,
    and equal ones counted together, so that there are far fewer than (K!)^(N-1).

    >>> exact_p(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))  # 1 in 3!
    0.16666666666666666
    """
    doubled = np.rint(2 * ranks).astype(np.int64)
    orders = np.sort(doubled, axis=1)
    if np.all(doubled == doubled[0]):  # only such arrangements have as large a statistic: any number of experiments
        return float(_arrangements(orders[0])) ** (1 - len(doubled))
    datasets, count = doubled.shape
    if factorial(count) > _MOST_SUMS or (2 * datasets * count + 1) ** (count - 1) > _KEY:
        return None
    sums, shares, sorted_sums = orders[:1], np.ones(1), 0
    for order in orders[1:-1]:
        sorted_sums += len(sums) * _arrangements(order)
        if sorted_sums > _MOST_SUMS:
            return None
        sums, shares = _with_one_more(sums, shares, _permuted(order))
    if len(sums) * _arrangements(orders[-1]) > _MOST_LAST:
        return None
    observed = int((doubled.sum(axis=0) ** 2).sum())
    last = _permuted(orders[-1])
    large = np.fromiter(_as_large(sums, last, observed), dtype=np.float64, count=len(sums))
    return float(min(1.0, (shares * large).sum()))


def _arrangements(order: _Doubled) -> int:
    """Return how many different orders the ranks of a dataset have."""
    number = factorial(len(order))
    for ties in np.unique(order, return_counts=True)[1].tolist():
        number //= factorial(ties)
    return number


def _permuted(order: _Doubled) -> _Doubled:
    """Return the different orders of a dataset's ranks, (arrangements, K)."""
    rows = np.array(list(permutations(order.tolist())), dtype=np.int64)
    return rows if len(np.unique(order)) == len(order) else np.unique(rows, axis=0)


def _with_one_more(sums: _Doubled, shares: Floats, orders: _Doubled) -> tuple[_Doubled, Floats]:
    """Return the sorted sums of ranks with one more dataset, each once, and what share of arrangements has them."""
    longer = np.sort((sums[:, None] + orders[None]).reshape(-1, orders.shape[1]), axis=1)  # (sums x orders, K)
    key = np.zeros(len(longer), dtype=np.uint64)
    base = np.uint64(longer.max() + 1)
    for column in longer.T[:-1]:  # the total of each row is the same, and so the last
        key = key * base + column.astype(np.uint64)
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    weights = np.repeat(shares / len(orders), len(orders))
    return longer[first], np.bincount(which.ravel(), weights).astype(np.float64)


def _as_large(sums: _Doubled, orders: _Doubled, observed: int) -> Iterator[float]:
    """Return for each sum of ranks what share of the last dataset's orders makes the statistic as large as observed."""
    rest = (orders[0] ** 2).sum()
    for ranks in sums:
        squares = (ranks**2).sum() + rest + 2 * (orders @ ranks)
        yield float((squares >= observed).mean())
