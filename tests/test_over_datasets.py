"""Comparisons over datasets, against the example that Demšar (2006) published, and against scipy."""

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from harness.metrics.friedman import friedman, iman_davenport
from harness.metrics.over_datasets import (
    critical_difference,
    dataset_ranks,
    over_datasets,
    share_of_wins,
    smallest_p,
    win_rate,
)
from harness.metrics.proportions import wilson
from harness.metrics.ranking import holm

# Table 6: AUC of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 datasets of UCI. On "voting" two print as 0.975, and rank
# 2 and 3: a digit more makes them differ as the printed ranks do.
TABLE_6 = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.9749],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def _share_without_ties(ranks):
    """Return the factor by which Friedman's statistic is divided to correct it for ties (Conover, 1999)."""
    datasets, count = ranks.shape
    sizes = [np.unique(line, return_counts=True)[1] for line in ranks]
    return 1 - sum((size**3 - size).sum() for size in sizes) / (datasets * (count**3 - count))


def test_the_published_examples_numbers():
    """Mean ranks, χ² (Demšar's is not corrected for ties), F and the critical difference."""
    comparison = over_datasets(TABLE_6)
    assert comparison.mean_ranks.round(3).tolist() == [3.143, 2.0, 2.893, 1.964]
    uncorrected = comparison.friedman.chi2 * _share_without_ties(comparison.ranks)
    assert round(uncorrected, 2) == 9.28
    assert round(iman_davenport(uncorrected, 14, 4), 2) == 3.69
    assert comparison.friedman.degrees == (3, 39)
    assert comparison.friedman.significant  # as he concludes
    assert round(comparison.critical, 2) == 1.25
    assert round(critical_difference(14, 4, level=0.1), 2) == 1.12


def test_published_critical_values():
    """Table 5 (a) of the same: q of 2 to 10 classifiers."""
    published = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
    quantiles = [critical_difference(1, count) / np.sqrt(count * (count + 1) / 6) for count in range(2, 11)]
    assert np.allclose(quantiles, published, atol=1.1e-3)


@pytest.mark.slow
def test_ranks_and_tests_are_scipys():
    """Of random values with ties: ranks, Friedman, each pair's Wilcoxon test and their adjustment."""
    values = np.random.default_rng(5).integers(0, 8, (12, 5)) / 8
    comparison = over_datasets(values)
    expected = stats.friedmanchisquare(*values.T)
    assert comparison.friedman.chi2 == pytest.approx(expected.statistic)
    assert comparison.friedman.p == pytest.approx(expected.pvalue)
    assert np.array_equal(comparison.ranks, stats.rankdata(-values, axis=1))
    raw = []
    for pair, (first, second) in zip(comparison.pairs, combinations(range(5), 2), strict=True):
        assert (pair.first, pair.second) == (first, second)
        above = values[:, first] - values[:, second]
        raw.append(stats.wilcoxon(above[above != 0]).pvalue)
        assert pair.p == pytest.approx(raw[-1])
        assert (pair.wins, pair.ties, pair.losses) == ((above > 0).sum(), (above == 0).sum(), (above < 0).sum())
        tukey = (
            abs(comparison.mean_ranks[first] - comparison.mean_ranks[second]) / np.sqrt(5 * 6 / (6 * 12)) * np.sqrt(2)
        )
        assert pair.nemenyi_p == pytest.approx(stats.studentized_range.sf(tukey, 5, np.inf))
    assert [pair.p_holm for pair in comparison.pairs] == pytest.approx(holm(raw).tolist())


def test_differences_are_those_beyond_nemenyis_if_friedman_rejects():
    """A pair is apart if its mean ranks are further apart than the critical difference; none where all may be equal."""
    always = np.tile([0.9, 0.8, 0.7], (10, 1)) + np.arange(10)[:, None] / 100
    comparison = over_datasets(always)
    assert (comparison.friedman.f, comparison.friedman.decisive_p) == (np.inf, pytest.approx(6.0**-9))
    assert comparison.critical == pytest.approx(1.048, abs=1e-3)
    assert comparison.differ.tolist() == [[False, False, True], [False, False, False], [True, False, False]]
    turned = over_datasets(np.array([np.roll([0.9, 0.8, 0.7], at) for at in range(9)]))
    assert turned.friedman.chi2 == pytest.approx(0.0, abs=1e-12)
    assert not turned.differ.any()


def test_two_experiments_are_compared_by_wilcoxon_alone():
    """Friedman's test needs three; the smallest p of six datasets is below 5 %, of five it is not."""
    for datasets, apart in ((5, False), (6, True)):
        comparison = over_datasets(
            np.arange(datasets)[:, None] / 100 + np.array([0.5, 0.4]) + np.eye(datasets, 2) / 1000
        )
        assert comparison.friedman is None
        assert comparison.pairs[0].p == pytest.approx(smallest_p(datasets))
        assert comparison.differ.any() == apart


def test_one_dataset_and_one_experiment_have_ranks_and_no_tests():
    """Neither is a sample."""
    comparison = over_datasets([[0.9, 0.7]])
    assert (comparison.mean_ranks.tolist(), comparison.friedman, comparison.critical) == ([1.0, 2.0], None, None)
    assert np.isnan(comparison.low).all()
    assert not comparison.differ.any()
    alone = over_datasets([[0.9], [0.8]])
    assert (alone.mean_ranks.tolist(), alone.pairs, alone.critical) == ([1.0], [], None)
    with pytest.raises(ValueError, match="needs a dataset and an experiment"):
        over_datasets(np.empty((0, 3)))


def test_values_that_differ_by_rounding_alone_are_tied():
    """A mean over seeds in another order is the same mean."""
    assert dataset_ranks(over_datasets([[0.1 + 0.2, 0.3, 0.2]]).goodness).tolist() == [[1.5, 1.5, 3.0]]
    assert over_datasets([[0.1 + 0.2, 0.3], [0.6, 0.6]]).pairs[0].p is None
    assert friedman(np.ones((3, 3))).decisive_p == 1.0


def test_what_diverged_is_worst():
    """Two that did are equal, and a test goes on."""
    comparison = over_datasets([[-np.inf, 0.5, -np.inf], [0.5, 0.6, -np.inf]])
    assert comparison.ranks.tolist() == [[2.5, 1.0, 2.5], [2.0, 1.0, 3.0]]
    assert [(pair.wins, pair.ties, pair.losses) for pair in comparison.pairs] == [(0, 0, 2), (1, 1, 0), (2, 0, 0)]


def test_intervals_are_over_datasets():
    """Student's of a mean rank, Wilson's of a win rate."""
    comparison = over_datasets(TABLE_6)
    expected = stats.t.interval(0.95, 13, comparison.mean_ranks[1], stats.sem(comparison.ranks[:, 1]))
    assert (comparison.low[1], comparison.high[1]) == pytest.approx(expected)
    assert np.isnan(over_datasets(TABLE_6[:5]).low).all()
    assert np.isnan(comparison.low).sum() == 0
    assert win_rate([1.0, 0.5, 0.0]) == (0.5, *wilson(0.5, 3))
    assert share_of_wins(0.5, [0.5, 0.1]) == 0.75
    # Who beats a share of the others has the mean rank of it.
    shares = [[share_of_wins(line[at], np.delete(line, at)) for line in TABLE_6] for at in range(4)]
    assert np.allclose((4 - comparison.mean_ranks) / 3, np.mean(shares, axis=1))
    with pytest.raises(ValueError, match="at least one dataset"):
        win_rate([])


def test_no_interval_claims_that_a_rank_is_known():
    """An experiment with the same rank everywhere has none; another of the same comparison has one."""
    values = np.array([[0.9, 0.7, 0.6], [0.9, 0.6, 0.7]] * 3)
    comparison = over_datasets(values)
    assert np.isnan(comparison.low).tolist() == np.isnan(comparison.high).tolist() == [True, False, False]


@pytest.mark.slow
def test_tables_of_one_dataset_do_not_load_scipys_statistics():
    """It takes a second, a third of the leaderboard of two hundred experiments."""
    program = (
        "import sys, harness.results.datasets, harness.results.leaderboard; sys.exit('scipy.stats' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
