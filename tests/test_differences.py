"""The difference in a metric between two sides: what is more than noise, and which way is better."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from harness.comparing import Mark
from harness.differences import HIGHER_IS_BETTER, difference
from harness.metrics import confusion_matrix, degradation, macro_f1
from harness.rows import EvaluationRow, Measure
from harness.sampling import variance
from tests.test_leaderboard import row, trained

SIZES = {"train": 1000, "val": 500, "test": 400}
MANY = {"val": 100_000}


def trials(values, **changed):
    """Return an experiment's trials, one a seed, whose validation accuracies are the values."""
    found = {}
    for seed, value in enumerate(values):
        metrics = replace(trained(0.9, value, 0.5), seconds=10.0, samples_per_second=1000.0 * value)
        found[seed] = replace(row("A", seed=seed, metrics=metrics), **changed)
    return found


def with_loss(one, loss):
    """Return a trial of another validation loss."""
    return replace(one, metrics=replace(one.metrics, val_loss=loss))


def test_several_seeds_are_judged_by_the_paired_t_test():
    """The verdict is that of scipy's test of related samples at five per cent."""
    first = [0.80, 0.82, 0.81, 0.79]
    for second in ([0.83, 0.84, 0.85, 0.82], [0.81, 0.82, 0.80, 0.80], [0.70, 0.73, 0.72, 0.71]):
        found = difference("A", "val_accuracy", trials(first), trials(second), MANY)
        oracle = stats.ttest_rel(second, first)
        interval = oracle.confidence_interval(0.95)
        assert found.change.mean == pytest.approx((interval.low + interval.high) / 2)
        assert found.error == pytest.approx((interval.high - interval.low) / 2)
        expected = Mark.noise if oracle.pvalue > 0.05 else Mark.better if oracle.statistic > 0 else Mark.worse
        assert found.mark is expected


def test_one_seed_is_noise_within_the_sampling_error_and_a_difference_far_beyond():
    """Of 500 validation images; what seeds differ in, one does not tell, and of a loss nothing is known."""
    error = 1.959964 * sqrt((0.80 * 0.20 + 0.84 * 0.16) / 500)
    found = difference("A", "val_accuracy", trials([0.80]), trials([0.84]), SIZES)
    assert found.error == pytest.approx(error, rel=1e-6)
    assert found.mark is Mark.noise
    assert difference("A", "val_accuracy", trials([0.74]), trials([0.84]), SIZES).mark is Mark.unknown
    assert difference("A", "val_accuracy", trials([0.60]), trials([0.84]), SIZES).mark is Mark.better
    assert difference("A", "val_loss", trials([0.80]), trials([0.84]), SIZES).mark is Mark.same
    rate = difference("A", "samples_per_second", trials([0.80]), trials([0.84]), SIZES)
    assert (rate.error, rate.mark) == (None, Mark.unknown)


def test_several_seeds_are_no_surer_than_their_images():
    """Two seeds that each got one more of 360 images right are within the error of 720 images."""
    sizes = {"val": 360}
    first, second = trials([349 / 360, 350 / 360]), trials([350 / 360, 351 / 360])
    found = difference("A", "val_accuracy", first, second, sizes)
    p, q = found.first.mean, found.second.mean
    assert found.error == pytest.approx(1.959964 * sqrt((p * (1 - p) + q * (1 - q)) / 720), rel=1e-6)
    assert found.mark is Mark.noise
    measured = [trials([349 / 360, 350 / 360]), trials([350 / 360, 351 / 360])]
    for side, share in zip(measured, (0.5, 0.501), strict=True):
        for seed, one in side.items():
            noisy = Measure("noise", 0.3, share + seed / 360, 0.5, 1.0, 0.1, 1.0)
            side[seed] = replace(one, evaluation=EvaluationRow("", [noisy], 1.0))
    found = difference("A", "test_accuracy", *measured, {"test": 360}, ("noise", 0.3))
    assert found.mark is Mark.noise
    assert found.error > 0.05


@pytest.mark.parametrize(("share", "images", "seeds"), [(0.98, 176, 2), (0.97, 360, 2), (0.97, 360, 3)])
def test_sides_that_are_alike_in_truth_seldom_get_a_verdict(share, images, seeds):
    """In less than three of a hundred pairs; the bare t-test gives 8 % and 6 % of two seeds."""
    rng = np.random.default_rng(1)
    drawn = rng.binomial(images, share, (1000, 2, seeds)) / images
    marks = [difference("A", "val_accuracy", *map(trials, pair), {"val": images}).mark for pair in drawn.tolist()]
    assert sum(mark in {Mark.better, Mark.worse} for mark in marks) < 30


def measured(one, clean, noisy, macro_f1):
    """Return a trial with these test results, clean and under noise."""
    fall = degradation(clean, noisy)
    measures = [Measure(None, 0.0, clean, macro_f1, 1.0, 0.1, 0.0), Measure("noise", 0.3, noisy, 0.5, 1.0, 0.1, fall)]
    return replace(one, evaluation=EvaluationRow("", measures, 1.0))


def test_macro_f1_and_degradation_of_the_same_predictions_have_a_sampling_error_too():
    """What is noise for an accuracy is so for them: three seeds that each differ by two of 400 images."""
    sides = []
    for lost in (0, 2):
        made = trials([0.5, 0.5, 0.5]).items()
        sides.append({
            seed: measured(one, (380 + seed) / 400, (300 + seed - lost) / 400, (380 + seed - lost) / 400)
            for seed, one in made
        })  # fmt: skip
    f1 = difference("A", "test_macro_f1", *sides, SIZES)
    p, q = f1.first.mean, f1.second.mean
    assert f1.error == pytest.approx(1.959964 * sqrt((p * (1 - p) + q * (1 - q)) / 1200), rel=1e-6)
    fall = difference("A", "degradation", *sides, SIZES, ("noise", 0.3))
    assert fall.error > 3
    assert (f1.mark, fall.mark) == (Mark.noise, Mark.noise)
    one = [{0: side[0]} for side in sides]
    assert difference("A", "test_macro_f1", *one, SIZES).mark is Mark.noise
    assert difference("A", "degradation", *one, SIZES, ("noise", 0.3)).mark is Mark.unknown
    worse = {seed: measured(one, (380 + seed) / 400, 0.5, 0.9) for seed, one in sides[0].items()}
    assert difference("A", "degradation", sides[0], worse, SIZES, ("noise", 0.3)).mark is Mark.worse


@pytest.mark.parametrize(("clean", "noisy", "images"), [(0.97, 0.8, 360), (0.9, 0.3, 1000), (0.6, 0.55, 200)])
def test_the_sampling_error_of_a_degradation_is_what_drawn_images_vary_by(clean, noisy, images):
    """Of accuracies that are independent; of the same images, which are right under noise or not, it is no less."""
    rng = np.random.default_rng(3)
    wanted = sqrt(variance("degradation", degradation(clean, noisy), clean) / images)
    drawn = rng.binomial(images, [[clean, noisy]], (20_000, 2)) / images
    assert np.std([degradation(*pair) for pair in drawn.tolist()]) == pytest.approx(wanted, rel=0.03)
    right = rng.binomial(images, clean, 20_000)
    still = rng.binomial(right, noisy / clean)
    assert np.std(100 * (1 - still / right)) <= wanted


@pytest.mark.parametrize(("shares", "factor"), [([0.1] * 10, 1.0), ([0.95, 0.05], 2.0)])
def test_the_sampling_error_of_a_macro_f1_is_that_of_drawn_sets_where_classes_are_alike(shares, factor):
    """And too small with rare ones, as its documentation says."""
    rng = np.random.default_rng(1)
    images, classes, drawn = 368, len(shares), []
    for _ in range(1000):
        labels = rng.choice(classes, images, p=shares)
        others = (labels + rng.integers(1, classes, images)) % classes
        predicted = np.where(rng.random(images) < 0.95, labels, others)
        drawn.append(macro_f1(confusion_matrix(labels, predicted, classes)))
    taken = sqrt(variance("test_macro_f1", float(np.mean(drawn))) / images)
    assert np.std(drawn) / taken == pytest.approx(factor, rel=0.1)


def test_a_degradation_of_nothing_has_no_variance():
    """Where no image is right, clean or perturbed."""
    assert variance("degradation", 0.0, 0.0) == 0.0
    assert variance("degradation", 100.0, 0.5) == 0.0


def test_what_has_no_better_side_may_be_noise_too():
    """A gap whose interval has 0 in it."""
    first, second = trials([0.80, 0.82, 0.81]), trials([0.81, 0.81, 0.82])
    assert difference("A", "gap", first, second, SIZES).mark is Mark.noise
    assert difference("A", "gap", first, trials([0.4, 0.43, 0.41]), SIZES).mark is Mark.changed


def test_a_difference_of_which_no_error_is_known_has_no_verdict():
    """A loss that fell by the same in every seed, but for rounding, or is no number; of what has no side, neither."""
    first = {seed: with_loss(one, 0.3 + 0.07 * seed) for seed, one in trials([0.5, 0.5, 0.5]).items()}
    second = {seed: with_loss(one, 0.21 + 0.07 * seed) for seed, one in first.items()}
    found = difference("A", "val_loss", first, second, SIZES)
    assert 0 < found.change.std < 1e-15
    assert (found.error, found.mark) == (None, Mark.unknown)
    for loss in (float("nan"), float("inf")):
        lost = {seed: with_loss(one, loss) for seed, one in first.items()}
        found = difference("A", "val_loss", first, lost, SIZES)
        assert (found.error, found.mark) == (None, Mark.unknown)
    longer = {seed: replace(one, metrics=replace(one.metrics, epochs=7)) for seed, one in first.items()}
    assert difference("A", "epochs", first, longer, SIZES).mark is Mark.changed
    same = difference("A", "val_accuracy", first, first, SIZES)
    assert (same.error, same.mark) == (None, Mark.same)


def test_which_way_is_better_follows_the_metric():
    """Losses, calibration, degradation, time and memory are better below."""
    first, second = trials([0.5, 0.5, 0.5]), trials([0.6, 0.61, 0.6])
    assert difference("A", "val_accuracy", first, second, SIZES).mark is Mark.better
    assert difference("A", "val_accuracy", second, first, SIZES).mark is Mark.worse
    higher = {seed: with_loss(one, 0.9 + 0.01 * seed) for seed, one in first.items()}
    assert difference("A", "val_loss", first, higher, SIZES).mark is Mark.worse
    assert difference("A", "val_loss", higher, first, SIZES).mark is Mark.better
    assert {metric for metric, higher in HIGHER_IS_BETTER.items() if higher} == {
        "train_accuracy", "val_accuracy", "val_macro_f1", "test_accuracy", "test_macro_f1", "samples_per_second",
    }  # fmt: skip


@pytest.mark.parametrize("changed", [{"contended": "ran beside other trials"}, {"environment": {"processor": "other"}}])
def test_times_are_compared_where_the_environments_agree(changed):
    """Not those of another machine, nor of trials that shared it; other metrics are."""
    first, second = trials([0.5, 0.6]), trials([0.6, 0.65], **changed)
    assert difference("A", "samples_per_second", first, trials([0.6, 0.65]), SIZES) is not None
    assert difference("A", "samples_per_second", first, second, SIZES) is None
    assert difference("A", "val_accuracy", first, second, SIZES) is not None
