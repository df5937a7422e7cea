"""Holm's adjustment, rank sets, letters, McNemar's test and Wilson's interval, as others compute them."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from harness.metrics.proportions import mcnemar, mcnemar_interval, wilson
from harness.metrics.ranking import holm, rank_sets, ranks, tie_letters

COUNTS = [(0, 0), (0, 1), (3, 0), (1, 9), (7, 7), (60, 41), (1000, 1200)]


def test_holm_rejects_step_by_step():
    """The smallest p-value is compared with 5 % / n, the next with 5 % / (n - 1), until one is above."""
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 28):
        p = rng.random(count) ** 4
        rejected = np.zeros(count, dtype=bool)
        for place, at in enumerate(np.argsort(p)):
            if p[at] > 0.05 / (count - place):
                break
            rejected[at] = True
        assert ((holm(p) <= 0.05) == rejected).all()


def test_holm_agrees_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="statsmodels is not installed")
    p = np.random.default_rng(1).random(40) ** 3
    np.testing.assert_allclose(holm(p), multitest.multipletests(p, method="holm")[1], rtol=1e-14)


def test_holm_of_nothing_is_nothing():
    assert holm([]).tolist() == []


@pytest.mark.parametrize("counts", COUNTS)
def test_mcnemar_is_the_binomial_test(counts):
    first, second = counts
    expected = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("counts", COUNTS)
def test_mcnemar_agrees_with_statsmodels(counts):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason="statsmodels is not installed")
    table = [[50, counts[0]], [counts[1], 20]]
    assert mcnemar(*counts) == pytest.approx(tables.mcnemar(table, exact=True).pvalue, rel=1e-12)


@pytest.mark.parametrize("counts", COUNTS)
def test_its_interval_is_clopper_and_pearson_s_and_agrees_with_the_test(counts):
    first, second = counts
    low, high = mcnemar_interval(first, second, images=3000)
    if first + second:
        shares = stats.binomtest(first, first + second, 0.5).proportion_ci(0.95, method="exact")
        expected = [(first + second) / 3000 * (2 * share - 1) for share in (shares.low, shares.high)]
        assert (low, high) == (pytest.approx(expected[0], rel=1e-9), pytest.approx(expected[1], rel=1e-9))
    else:
        assert (low, high) == (0, 0)
    assert low <= (first - second) / 3000 <= high
    assert (not low <= 0 <= high) == (mcnemar(first, second) < 0.05)


@pytest.mark.parametrize(("right", "images"), [(0, 10), (10, 10), (1, 1), (93, 100), (359, 360), (157_000, 161_955)])
def test_wilson_agrees_with_scipy(right, images):
    expected = stats.binomtest(right, images).proportion_ci(0.95, method="wilson")
    assert wilson(right / images, images) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_agrees_with_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion", reason="statsmodels is not installed")
    assert wilson(0.975, 360) == pytest.approx(proportion.proportion_confint(351, 360, method="wilson"), rel=1e-12)


def test_wilson_is_not_symmetric():
    low, high = wilson(0.99, 360)
    assert 0.99 - low > 2 * (high - 0.99)


def test_wilson_of_no_images_is_an_error():
    with pytest.raises(ValueError, match="needs at least one image"):
        wilson(0.5, 0)


def test_equal_experiments_share_a_rank():
    assert ranks([0.5, 0.9, 0.5, 0.1]).tolist() == [2, 1, 2, 4]


def test_rank_sets_count_those_that_are_certainly_better_and_worse():
    goodness = np.array([0.9, 0.8, 0.7, 0.6])
    significant = np.zeros((4, 4), dtype=bool)
    for pair in ((0, 2), (0, 3), (1, 3)):
        significant[pair] = significant[pair[::-1]] = True
    low, high = rank_sets(goodness, significant)
    assert low.tolist() == [1, 1, 2, 3]
    assert high.tolist() == [2, 3, 4, 4]


def test_rank_sets_hold_every_order_that_the_significant_differences_allow():
    """A set holds the true rank wherever no significant difference has the wrong sign."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        truth, seen = rng.normal(size=6), rng.normal(size=6)
        agrees = (truth[:, None] > truth) == (seen[:, None] > seen)
        chosen = np.triu(rng.random((6, 6)) < 0.7, 1)
        low, high = rank_sets(seen, (chosen | chosen.T) & agrees)
        assert (low <= ranks(truth)).all()
        assert (ranks(truth) <= high).all()


@pytest.mark.parametrize("seed", range(30))
def test_two_share_a_letter_if_and_only_if_they_do_not_differ(seed):
    rng = np.random.default_rng(seed)
    chosen = np.triu(rng.random((7, 7)) < rng.random(), 1)
    significant = chosen | chosen.T
    letters = tie_letters([int(place) for place in rng.permutation(7)], significant)
    assert all(letters)
    for first, second in combinations(range(7), 2):
        assert bool(set(letters[first]) & set(letters[second])) != significant[first, second]


def test_letters_begin_with_the_best():
    significant = ~np.eye(3, dtype=bool)
    assert tie_letters([2, 0, 1], significant) == ["b", "c", "a"]
    assert tie_letters([0, 1], np.zeros((2, 2), dtype=bool)) == ["a", "a"]


def test_more_than_the_alphabet_has_letters():
    letters = tie_letters(list(range(30)), ~np.eye(30, dtype=bool))
    assert letters[25:28] == ["z", "a1", "b1"]
