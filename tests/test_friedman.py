"""Friedman's exact test, against an enumeration of all arrangements and against scipy."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from harness.metrics.friedman import exact_p, friedman

RNG = np.random.default_rng(19)
FEW = {
    "2 of 3 agree": np.array([[1.0, 2, 3], [1, 2, 3]]),
    "3 of 3 agree": np.array([[1.0, 2, 3]] * 3),
    "4 of 3": stats.rankdata(RNG.random((4, 3)), axis=1),
    "3 of 4": stats.rankdata(RNG.random((3, 4)), axis=1),
    "2 of 5": stats.rankdata(RNG.random((2, 5)), axis=1),
    "ties": np.array([[1.5, 1.5, 3, 4], [2, 2, 2, 4], [1, 2.5, 2.5, 4]]),
    "ties alike": np.array([[1.5, 1.5, 3], [1.5, 1.5, 3], [1.5, 1.5, 3]]),
    "all tied on one": np.array([[2.0, 2, 2], [1, 2, 3], [1, 3, 2], [1, 2, 3]]),
}


def _enumerated(ranks):
    """Return the share of all orders of every dataset's ranks, the first's too, whose χ² is at least as large."""
    observed = stats.friedmanchisquare(*ranks.T).statistic
    every = [[np.array(order) for order in permutations(row)] for row in ranks[1:]]
    totals = np.array([ranks[0] + sum(orders) for orders in product(*every)])  # the others' alone: by symmetry
    spread = ((totals - totals.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    mine = ranks.sum(axis=0)
    assert observed > 0
    return float((spread >= ((mine - mine.mean()) ** 2).sum() - 1e-9).mean())


@pytest.mark.parametrize("ranks", FEW.values(), ids=FEW)
def test_the_exact_p_is_the_share_of_all_arrangements(ranks):
    """With ties and without; χ² and its p stay scipy's."""
    test = friedman(ranks)
    assert test.exact_p == pytest.approx(_enumerated(ranks), abs=1e-12)
    expected = stats.friedmanchisquare(*ranks.T)
    assert (test.chi2, test.p) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))


def test_it_is_scipys_permutation_test():
    """All (3!)³ arrangements within datasets, with scipy's own statistic."""
    ranks = np.array([[1.0, 2, 3], [1, 3, 2], [1, 2, 3]])
    expected = stats.permutation_test(
        list(ranks.T), lambda *samples: stats.friedmanchisquare(*samples).statistic,
        permutation_type="samples", alternative="greater", n_resamples=np.inf,
    )  # fmt: skip
    assert exact_p(ranks) == pytest.approx(expected.pvalue)


def test_two_datasets_that_agree_claim_nothing():
    """Three experiments agree in their order by chance in one case of six; F, which is infinite, has no p."""
    test = friedman(np.array([[1.0, 2, 3], [1, 2, 3]]))
    assert test.exact_p == pytest.approx(1 / 6)
    assert test.f == np.inf
    assert np.isnan(test.f_p)
    assert not test.significant


def test_a_published_table():
    """Of 4 datasets and 3 experiments, χ² 6.5 or more has p 0.042, 8 has 0.0046 (Siegel, 1956, table N)."""
    half = np.array([[1.0, 2, 3], [1, 2, 3], [1, 2, 3], [2, 1, 3]])
    assert friedman(half).chi2 == pytest.approx(6.5)
    assert exact_p(half) == pytest.approx(0.042, abs=5e-4)
    assert exact_p(np.array([[1.0, 2, 3]] * 4)) == pytest.approx(0.0046, abs=5e-5)


def test_where_there_are_too_many_arrangements_f_decides():
    """Unless all datasets agree: where they do, the share of that one arrangement is known."""
    many = stats.rankdata(RNG.random((12, 20)), axis=1)
    test = friedman(many)
    assert test.exact_p is None
    assert test.decisive_p == test.f_p
    assert exact_p(np.tile(np.arange(1.0, 21), (2, 1))) == pytest.approx(1 / 2432902008176640000)
    assert exact_p(stats.rankdata(RNG.random((14, 4)), axis=1)) is not None
    often = np.where(np.arange(8) == RNG.integers(0, 8, (2000, 1)), 1.0, 5.0)  # one wins, seven tie
    assert exact_p(often) is None
