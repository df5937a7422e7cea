"""Comparisons of experiments in a metric: pairs, ranks, what would settle them, degenerate input."""

import math
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.metrics import shrinkage
from harness.metrics.analysis import Advice, Analysis, Rank, analyse
from harness.metrics.crossed import Sums, summed
from harness.metrics.pairs import adjusted
from harness.metrics.power import MOST_SEEDS

PROTOTYPE = Path(__file__).parents[2] / "shared" / "statistics"
NAMES = tuple("ABCDEFGH")


def made(experiments=6, seeds=4, images=900, step=0.05, seed=0):
    """Return values (seeds, experiments, images), 0 and 1, of networks that find the same images hard."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=images)
    skill = 1.0 + step * np.arange(experiments) + 0.05 * rng.normal(size=(seeds, experiments))
    noise = 0.6 * rng.normal(size=(seeds, experiments, images))
    return (skill[:, :, None] + hard + noise > 0).astype(np.float64)


def analysed(values, **options) -> Analysis:
    names = NAMES[: values.shape[1]]
    return analyse(names, summed(values), higher_is_better=True, proportion=True, **options)


def figures(analysis: Analysis):
    """Yield every number of an analysis."""
    for pair in analysis.pairs:
        yield from (value for value in asdict(pair).values() if isinstance(value, float))
    yield from (value for value in (analysis.detectable, analysis.detectable_at_best) if value is not None)
    yield from analysis.means


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("experiments", [2, 3, 5, 8])
def test_it_agrees_with_the_prototype(experiments, seeds, monkeypatch):
    """To the rounding of its sums, in float32, and of its analysis. It knows no experiment unlike the others."""
    if not PROTOTYPE.is_dir():
        pytest.skip("the prototype is not beside this checkout")
    monkeypatch.syspath_prepend(str(PROTOTYPE))
    monkeypatch.setattr(shrinkage, "OUTLIER", math.inf)
    prototype = pytest.importorskip("rank_sets")
    values = made(experiments, seeds)
    sums = summed(values)
    means, within, between, images = prototype.gather(lambda k, s: values[s, k].astype("f4"), experiments, seeds)
    np.testing.assert_allclose(sums.means, means, rtol=1e-12)
    np.testing.assert_allclose(sums.within, within, rtol=1e-5)
    np.testing.assert_allclose(sums.between, between, rtol=1e-5)
    mine = analyse(NAMES[:experiments], sums, higher_is_better=True)
    theirs = prototype.analyse(list(NAMES[:experiments]), sums.means, sums.within, sums.between, images, True)
    close = {"rtol": 1e-8, "atol": 1e-15}
    np.testing.assert_allclose([pair.difference for pair in mine.pairs], theirs["D"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mine.parts.variance(seeds), theirs["V"], **close)
    np.testing.assert_allclose([pair.p for pair in mine.pairs], theirs["p"], rtol=1e-6)  # normal: 1e9 degrees
    assert [pair.significant for pair in mine.pairs] == theirs["r"].tolist()
    if seeds > 1:
        np.testing.assert_allclose([pair.df for pair in mine.pairs], theirs["df"], **close)
        sets = [(rank.rank_low, rank.rank_high) for rank in mine.ranks.values()]
        assert sets == list(zip(theirs["lo"].tolist(), theirs["hi"].tolist(), strict=True))
    smallest = np.median([prototype.mdd(theirs, place) for place in range(len(mine.pairs))])
    assert mine.detectable == pytest.approx(smallest, rel=1e-9)
    for place, pair in enumerate(mine.pairs):
        if seeds > 1 and not pair.significant:
            assert pair.seeds_needed == prototype.seeds_needed(theirs, place)
    sys.modules.pop("rank_sets")
    sys.modules.pop("lib")


def test_ranks_come_with_their_sets_and_ties():
    analysis = analysed(made(experiments=4, seeds=5, step=0.4))
    assert [rank.rank for rank in analysis.ranks.values()] == [4, 3, 2, 1]
    for name, rank in analysis.ranks.items():
        assert rank.rank_low <= rank.rank <= rank.rank_high
        assert rank.rank_high - rank.rank_low <= len(rank.tied_with)
        assert name not in rank.tied_with
    assert analysis.ranks["D"] == Rank(1, 1, 1, ())
    assert analysis.order == [3, 2, 1, 0]


def test_a_loss_ranks_the_lowest_first():
    values = made(experiments=3, seeds=5, step=0.4)
    analysis = analyse("ABC", summed(1 - values), higher_is_better=False)
    assert [rank.rank for rank in analysis.ranks.values()] == [3, 2, 1]
    assert analysis.ranks["C"].rank_high == 1


def test_where_neither_way_is_better_there_are_differences_but_no_ranks():
    analysis = analyse("ABC", summed(made(experiments=3)), higher_is_better=None)
    assert len(analysis.pairs) == 3
    assert analysis.ranks == {}
    assert analysis.advice() is None


def test_a_pair_turns_round():
    analysis = analysed(made(experiments=3))
    pair, back = analysis.pair("A", "C"), analysis.pair("C", "A")
    assert pair is not None
    assert back is not None
    assert (back.difference, back.low, back.high) == (-pair.difference, -pair.high, -pair.low)
    assert (back.p, back.p_holm, back.variance_seeds) == (pair.p, pair.p_holm, pair.variance_seeds)
    assert analysis.pair("A", "unknown") is None


def test_variances_sum_to_that_of_the_difference():
    for pair in analysed(made()).pairs:
        half = stats.t.ppf(0.975, pair.df) * math.sqrt(pair.variance_seeds + pair.variance_images)
        assert (pair.low, pair.high) == pytest.approx((pair.difference - half, pair.difference + half))
        t = pair.difference / math.sqrt(pair.variance_seeds + pair.variance_images)
        assert pair.p == pytest.approx(2 * stats.t.sf(abs(t), pair.df))
        assert pair.target == "recipes"


def test_one_seed_compares_two_networks_by_mcnemar_s_test():
    values = made(experiments=3, seeds=1)
    analysis = analysed(values)
    for pair in analysis.pairs:
        first, second = (values[0, NAMES.index(name)] for name in (pair.first, pair.second))
        alone = [int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())]
        assert pair.p == pytest.approx(stats.binomtest(alone[0], sum(alone)).pvalue, rel=1e-12)
        assert (pair.target, pair.df, pair.seeds_needed, pair.variance_seeds) == ("networks", None, None, 0)
    assert analysis.basis == "images"
    assert {(rank.rank_low, rank.rank_high) for rank in analysis.ranks.values()} == {(None, None)}
    assert analysis.advice() is None


def test_one_seed_compares_other_metrics_by_the_paired_variance():
    values = np.random.default_rng(0).gamma(2, size=(1, 2, 400))
    pair = analyse("AB", summed(values), higher_is_better=False).pairs[0]
    z = values[0, 0] - values[0, 1]
    assert pair.p == pytest.approx(2 * stats.norm.sf(abs(z.mean()) / math.sqrt(z.var(ddof=1) / 400)), rel=1e-6)


def test_advice_is_the_cheapest_among_neighbours_and_comes_true_in_the_model():
    analysis = analysed(made(experiments=5, seeds=3, step=0.08))
    advice = analysis.advice()
    assert advice is not None
    assert advice.more is not None
    places = [NAMES.index(name) for name in (advice.better, advice.worse)]
    order = analysis.order
    assert order.index(places[1]) == order.index(places[0]) + 1
    pair = analysis.pair(advice.better, advice.worse)
    assert pair is not None
    assert pair.seeds_needed == len(analysis.seeds) + advice.more
    assert not pair.significant


def test_what_no_number_of_seeds_separates_is_said():
    """Images that are few enough, or copies."""
    copies = made(experiments=1, seeds=3).repeat(3, axis=1)
    assert analysed(copies).advice() == Advice("A", "B", None)


def test_advice_agrees_with_the_pairs_where_neighbours_cannot_be_separated():
    analysis = analysed(made(experiments=3, seeds=3, step=0.015, seed=4))
    best, middle, worst = (analysis.names[place] for place in analysis.order)
    for near in ((best, middle), (middle, worst)):
        pair = analysis.pair(*near)
        assert pair is not None
        assert pair.seeds_needed is None
    pair = analysis.pair(best, worst)
    assert pair is not None
    assert pair.seeds_needed is not None
    assert analysis.advice() == Advice(best, worst, pair.seeds_needed - 3)


def test_where_all_differ_there_is_no_advice():
    assert analysed(made(experiments=3, seeds=10, step=0.8)).advice() is None


def test_more_seeds_detect_smaller_differences_down_to_what_the_images_show():
    analysis = analysed(made(experiments=4, seeds=3))
    detectable = [analysis.detectable_with(seeds) for seeds in (3, 4, 10, MOST_SEEDS)]
    assert detectable == sorted(detectable, reverse=True)
    assert detectable[0] == analysis.detectable
    assert analysis.detectable_at_best <= detectable[-1]


def test_a_table_of_fewer_pairs_adjusts_for_fewer():
    pairs = list(analysed(made(experiments=6)).pairs)
    alone = adjusted(pairs[:1])[0]
    assert alone.p_holm == alone.p
    assert pairs[0].p_holm > alone.p_holm
    assert adjusted([]) == []


def test_a_diverged_seed_leaves_its_experiment_out():
    values = made(experiments=3)
    values[1, 1, 5] = np.nan
    analysis = analysed(values, left_out={"H": "not measured"})
    assert analysis.names == ("A", "C")
    assert analysis.left_out == {"H": "not measured", "B": "a seed has no finite value"}
    assert analysis.pair("A", "B") is None
    assert analysis.pair("A", "C").p == pytest.approx(analysed(np.delete(values, 1, axis=1)).pairs[0].p)


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize("experiments", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["right", "wrong", "copies", "one wrong", "opposite", "nothing finite", "one image"])
def test_degenerate_values_make_finite_figures(kind, experiments, seeds):
    """Never a NaN, never a warning (they are errors here)."""
    values = {
        "right": np.ones((seeds, experiments, 30)),
        "wrong": np.zeros((seeds, experiments, 30)),
        "copies": made(1, seeds, 30).repeat(experiments, axis=1),
        "one wrong": np.ones((seeds, experiments, 30)),
        "opposite": np.ones((seeds, experiments, 30)),
        "nothing finite": np.full((seeds, experiments, 30), np.nan),
        "one image": made(experiments, seeds, 1),
    }[kind]
    if kind == "one wrong":
        values[0, 0, 0] = 0
    if kind == "opposite":
        values[:, -1] = 0
    analysis = analysed(values)
    assert all(math.isfinite(figure) for figure in figures(analysis))
    assert len(analysis.ranks) == len(analysis.names) == (0 if kind == "nothing finite" else experiments)
    analysis.advice()
    if kind == "opposite" and experiments > 1:
        assert all(pair.significant for pair in analysis.pairs if pair.difference)


def test_without_per_image_values_seeds_alone_decide():
    rng = np.random.default_rng(1)
    means = rng.normal(size=(3, 5)) + np.array([[0], [0], [5]])
    analysis = analyse("ABC", Sums(means), higher_is_better=True)
    assert analysis.basis == "seeds"
    assert analysis.detectable_at_best is None
    assert analysis.pair("A", "B").p == pytest.approx(stats.ttest_rel(means[0], means[1]).pvalue)
    assert analysis.ranks["C"] == Rank(1, 1, 1, ())


def test_one_seed_without_per_image_values_decides_nothing():
    analysis = analyse("ABC", Sums(np.array([[0.1], [0.2], [0.3]])), higher_is_better=True)
    assert analysis.basis == "nothing"
    assert {(pair.low, pair.p, pair.p_holm, pair.variance_seeds) for pair in analysis.pairs} == {(None,) * 4}
    assert analysis.detectable is None
    assert [rank.rank for rank in analysis.ranks.values()] == [3, 2, 1]
    assert analysis.ranks["A"].tied_with == ("B", "C")


def test_no_interval_goes_beyond_the_possible_values():
    """Two seeds that differ widely; the p-values are those of the interval that is not cut."""
    sums = Sums(np.array([[0.9, 0.2], [0.1, 0.95], [0.5, 0.5]]))
    cut = analyse("ABC", sums, higher_is_better=True, possible=(0.0, 1.0))
    whole = analyse("ABC", sums, higher_is_better=True)
    assert min(pair.low for pair in whole.pairs) < -1 < 1 < max(pair.high for pair in whole.pairs)
    assert {(pair.low, pair.high) for pair in cut.pairs} == {(-1.0, 1.0)}
    assert [(pair.p, pair.p_holm) for pair in cut.pairs] == [(pair.p, pair.p_holm) for pair in whole.pairs]
    level = cut.level("A")
    assert (level.low, level.high) == (0.0, 1.0)
