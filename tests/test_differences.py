"""The difference in a metric between two sides: what is more than noise, and which way is better."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from harness.metrics import degradation_variance, joint_accuracy
from harness.metrics.catalogue import CATALOGUE, computed_names, of_predictions, value_of
from harness.metrics.comparisons import difference
from harness.metrics.predictions import Predictions
from harness.results.compare import Mark
from harness.rows import CLEAN, EvaluationRow, Measure
from tests.measures import measure
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
            noisy = measure("noise", 0.3, share + seed / 360)
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


def measured(one, rng, labels, classes, *, clean=0.95, noisy=0.75):
    """Return a trial with the test results of drawn predictions, clean and under noise, right with these chances."""
    predicted = np.stack([drawn(rng, labels, classes, share) for share in (clean, noisy)])
    names = computed_names("test")
    found = [
        Measure(*condition, *of_predictions(names, Predictions({"labels": labels, "predicted": each}, classes)))
        for condition, each in zip([CLEAN, NOISE], predicted, strict=True)
    ]
    joint = joint_accuracy(predicted == labels).tolist()
    return replace(one, evaluation=EvaluationRow("", found, 1.0, joint_accuracy=joint))


def drawn(rng, labels, classes, share):
    """Return predictions that are right with a chance, and of any other class else."""
    others = (labels + rng.integers(1, classes, len(labels))) % classes
    return np.where(rng.random(len(labels)) < share, labels, others)


NOISE = ("noise", 0.3)


def variance(metric, rows, conditions):
    """Return a metric's variance over drawn images."""
    return CATALOGUE[metric].sampling_variance(rows, conditions)


@pytest.mark.parametrize("shares", [[0.1] * 10, [0.95, 0.05], [0.6, 0.3, 0.08, 0.02]])
def test_the_sampling_errors_are_what_drawn_sets_vary_by(shares):
    """Macro-F1 and balanced accuracy, with rare classes too, and degradation; noise is on the same images."""
    rng = np.random.default_rng(1)
    images, classes = 500, len(shares)
    judged = [("test_macro_f1", CLEAN), ("test_balanced_accuracy", CLEAN), ("degradation", NOISE)]
    one, seen, taken = trials([0.5])[0], [], []
    for _ in range(1500):
        row = measured(one, rng, rng.choice(classes, images, p=shares), classes)
        seen.append([value_of(row, metric, condition) for metric, condition in judged])
        taken.append([variance(metric, [row], [condition]) for metric, condition in judged])
    wanted = np.sqrt(np.mean(taken, axis=0) / images)
    assert np.std(seen, axis=0) == pytest.approx(wanted, rel=0.08)


def test_a_mean_degradation_over_severities_has_the_variance_of_its_images():
    """The pseudo-values of each image, written out (statistics of ratios: the delta method)."""
    rng = np.random.default_rng(2)
    clean = rng.random(3000) < 0.9
    right = np.stack(
        [clean, *(np.where(rng.random(3000) < share, clean, rng.random(3000) < 0.1) for share in (0.8, 0.4))]
    )
    p, per_image = clean.mean(), right[1:].mean(axis=0)
    q = per_image.mean()
    values = -100 * ((per_image - q) / p - q * (clean - p) / p**2)
    joint = joint_accuracy(right)
    assert degradation_variance(joint) == pytest.approx(values.var(), rel=1e-9)
    measures = [measure(None, 0.0, p)]
    measures += [measure("noise", severity, 0.5) for severity in (0.3, 0.5)]
    row = replace(trials([0.5])[0], evaluation=EvaluationRow("", measures, 1.0, joint_accuracy=joint.tolist()))
    assert variance("degradation", [row], [("noise", 0.3), ("noise", 0.5)]) == pytest.approx(values.var(), rel=1e-9)
    alone = -100 * ((right[1] - right[1].mean()) / p - right[1].mean() * (clean - p) / p**2)
    assert variance("degradation", [row], [("noise", 0.3)]) == pytest.approx(alone.var(), rel=1e-9)
    assert variance("degradation", [row], [("noise", 0.4)]) is None


def test_macro_f1_and_degradation_are_judged_by_their_own_sampling_error():
    """Three seeds of predictions that are alike in truth are noise; a network that loses far more is worse."""
    rng = np.random.default_rng(4)
    labels = rng.choice(4, 400, p=[0.5, 0.3, 0.15, 0.05])
    first, second = (
        {seed: measured(one, rng, labels, 4) for seed, one in trials([0.5, 0.5, 0.5]).items()} for _ in range(2)
    )
    for metric, condition in (("test_macro_f1", (None, 0.0)), ("degradation", NOISE)):
        found = difference("A", metric, first, second, SIZES, condition)
        spread = sum(variance(metric, list(side.values()), [condition]) for side in (first, second))
        assert found.error >= 1.959964 * sqrt(spread / 1200) * (1 - 1e-6)
        assert found.mark is Mark.noise
    worse = {seed: measured(one, rng, labels, 4, noisy=0.3) for seed, one in first.items()}
    assert difference("A", "degradation", first, worse, SIZES, NOISE).mark is Mark.worse
    one, other = ({0: side[0]} for side in (first, second))
    assert difference("A", "test_macro_f1", one, other, SIZES).mark is Mark.noise
    assert difference("A", "degradation", one, other, SIZES, NOISE).mark is Mark.unknown


def test_a_row_of_an_earlier_version_has_no_such_error():
    """Seeds alone tell then."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 400)
    sides = []
    for _ in range(2):
        side = {seed: measured(one, rng, labels, 4) for seed, one in trials([0.5, 0.5, 0.5]).items()}
        for seed, one in side.items():
            old = [replace(each, variances={}) for each in one.evaluation.measures]
            side[seed] = replace(one, evaluation=EvaluationRow("", old, 1.0))
        sides.append(side)
    for metric, condition in (("test_macro_f1", (None, 0.0)), ("degradation", NOISE)):
        found = difference("A", metric, *sides, SIZES, condition)
        values = [[value_of(row, metric, condition) for row in side.values()] for side in sides]
        interval = stats.ttest_rel(values[1], values[0]).confidence_interval(0.95)
        assert found.error == pytest.approx((interval.high - interval.low) / 2)


def test_a_training_accuracy_has_no_sampling_error():
    """Its images are those that the network was fitted to: of one seed, no difference in it has a verdict."""
    first, second = trials([0.80]), trials([0.80])
    second = {0: replace(second[0], metrics=replace(second[0].metrics, train_accuracy=0.5))}
    found = difference("A", "train_accuracy", first, second, SIZES)
    assert (found.error, found.mark) == (None, Mark.unknown)
    assert CATALOGUE["train_accuracy"].variance is None


def test_a_degradation_of_nothing_has_no_variance():
    """Where no image is right, clean or perturbed."""
    assert degradation_variance(np.zeros((2, 2))) == 0.0
    assert degradation_variance(np.array([[0.5, 0.0], [0.0, 0.0]])) == 0.0


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
    higher = {name for name, metric in CATALOGUE.items() if metric.higher_is_better}
    assert higher == {name for name in CATALOGUE if name.endswith(("accuracy", "macro_f1", "samples_per_second"))}


@pytest.mark.parametrize("changed", [{"contended": "ran beside other trials"}, {"environment": {"processor": "other"}}])
def test_times_are_compared_where_the_environments_agree(changed):
    """Not those of another machine, nor of trials that shared it; other metrics are."""
    first, second = trials([0.5, 0.6]), trials([0.6, 0.65], **changed)
    assert difference("A", "samples_per_second", first, trials([0.6, 0.65]), SIZES) is not None
    assert difference("A", "samples_per_second", first, second, SIZES) is None
    assert difference("A", "val_accuracy", first, second, SIZES) is not None
