"""The difference in a metric between two experiments of a run: what is significant, and which way is better."""

from dataclasses import replace

import pytest
from scipy import stats

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.comparisons import Mark, judged
from harness.metrics.ranking import holm
from tests.made_results import summary
from tests.test_leaderboard import row, trained

FIRST = [0.80, 0.82, 0.81, 0.79]


def trials(name, values, **changed):
    """Return an experiment's trials, one a seed, whose validation accuracies are the values."""
    return [
        replace(
            row(name, seed=seed, metrics=replace(trained(0.9, value, 0.5), samples_per_second=1000.0 * value)),
            **changed,
        )
        for seed, value in enumerate(values)
    ]


def over(metric, first, second):
    """Return how much the second experiment's trials are above the first's."""
    results = summary([*first, *second])
    names = [side[0].experiment for side in (first, second)]
    return results.over(results.named[names[1]], results.named[names[0]], metric)


def with_metrics(rows, **values):
    """Return trials with other metrics, each a function of the seed."""
    return [
        replace(row, metrics=replace(row.metrics, **{name: value(row.seed) for name, value in values.items()}))
        for row in rows
    ]


@pytest.mark.parametrize(
    "second", [[0.83, 0.84, 0.85, 0.82], [0.81, 0.82, 0.80, 0.80], [0.70, 0.73, 0.72, 0.71]]
)  # fmt: skip
def test_two_experiments_without_predictions_are_compared_by_the_paired_t_test(second):
    """As scipy has it, at five per cent."""
    comparison = over("val_accuracy", trials("A", FIRST), trials("B", second))
    oracle = stats.ttest_rel(second, FIRST)
    assert comparison.interval == pytest.approx(tuple(oracle.confidence_interval(0.95)))
    assert comparison.pair.p == pytest.approx(oracle.pvalue)
    expected = Mark.insignificant if oracle.pvalue > 0.05 else Mark.better if oracle.statistic > 0 else Mark.worse
    assert comparison.mark is expected


def test_the_differences_of_a_table_are_judged_together():
    """Holm's adjustment among them; those of which nothing is known stay undecided."""
    base = trials("A", FIRST)
    differences = [
        over("val_accuracy", base, trials(name, values))
        for name, values in {
            "B": [0.82, 0.83, 0.83, 0.8],
            "C": [0.80, 0.84, 0.84, 0.81],
            "D": [0.9, 0.92, 0.91, 0.89],
        }.items()
    ]
    assert [difference.mark for difference in differences] == [Mark.better, Mark.insignificant, Mark.undecided]
    together = judged(differences)
    adjusted = holm([difference.pair.p for difference in differences[:2]] + [1.0])
    assert [difference.pair.p_holm for difference in together[:2]] == pytest.approx(adjusted[:2].tolist())
    assert together[2].mark is Mark.undecided
    assert judged([]) == []


def test_one_seed_without_predictions_decides_nothing():
    """What seeds differ in, one does not tell, whatever the metric."""
    first, second = trials("A", [0.80]), trials("B", [0.84])
    assert over("val_accuracy", first, second).mark is Mark.undecided
    assert over("val_loss", first, second).mark is Mark.same
    assert over("samples_per_second", first, second).mark is Mark.undecided
    assert over("train_accuracy", first, with_metrics(second, train_accuracy=lambda _: 0.5)).interval is None


def test_seeds_that_differ_by_the_same_decide_nothing():
    """A loss that fell by the same in every seed, but for rounding, or is no number; of what has no side, neither."""
    rows = trials("A", [0.5, 0.5, 0.5])
    first = with_metrics(rows, val_loss=lambda seed: 0.3 + 0.07 * seed)
    second = with_metrics(trials("B", [0.5, 0.5, 0.5]), val_loss=lambda seed: 0.21 + 0.07 * seed)
    comparison = over("val_loss", first, second)
    assert 0 < comparison.change.std < 1e-15
    assert (comparison.interval, comparison.mark) == (None, Mark.undecided)
    for loss in (float("nan"), float("inf")):
        comparison = over("val_loss", first, with_metrics(second, val_loss=lambda _, loss=loss: loss))
        assert (comparison.interval, comparison.mark) == (None, Mark.undecided)
    assert over("epochs", first, with_metrics(second, epochs=lambda _: 7)).mark is Mark.changed
    same = over("val_accuracy", first, second)
    assert (same.interval, same.mark) == (None, Mark.same)


def test_what_has_no_better_side_may_be_insignificant_too():
    """A gap whose interval has 0 in it."""
    first = trials("A", [0.80, 0.82, 0.81])
    assert over("gap", first, trials("B", [0.81, 0.81, 0.82])).mark is Mark.insignificant
    assert over("gap", first, trials("B", [0.4, 0.43, 0.41])).mark is Mark.changed


def test_which_way_is_better_follows_the_metric():
    """Losses, calibration, degradation, time and memory are better below."""
    first, second = trials("A", [0.5, 0.5, 0.5]), trials("B", [0.6, 0.61, 0.6])
    assert over("val_accuracy", first, second).mark is Mark.better
    assert over("val_accuracy", second, first).mark is Mark.worse
    higher = with_metrics(second, val_loss=lambda seed: 0.9 + 0.01 * seed)
    assert over("val_loss", first, higher).mark is Mark.worse
    assert over("val_loss", higher, first).mark is Mark.better
    better = {name for name, metric in CATALOGUE.items() if metric.higher_is_better}
    assert better == {name for name in CATALOGUE if name.endswith(("accuracy", "macro_f1", "samples_per_second"))}


@pytest.mark.parametrize("changed", [{"contended": "ran beside other trials"}, {"environment": {"processor": "other"}}])
def test_times_are_compared_where_the_environments_agree(changed):
    """Not those of another machine, nor of trials that shared it; other metrics are."""
    first, second = trials("A", [0.5, 0.6]), trials("B", [0.6, 0.65], **changed)
    assert over("samples_per_second", first, trials("B", [0.6, 0.65])) is not None
    assert over("samples_per_second", first, second) is None
    assert over("val_accuracy", first, second) is not None
