"""Metrics against scikit-learn, and against the formulas written out naively."""

import warnings
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from harness import metrics
from harness.metrics.predictions import most_likely

seeds = st.integers(0, 2**32 - 1)


def drawn(seed, rows, classes):
    """Return labels and predictions; with few rows some classes are missing from either."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, rows), rng.integers(0, classes, rows)


@pytest.mark.slow
@given(seeds, st.integers(1, 60), st.integers(2, 12))
def test_counts_and_what_follows_from_them_agree_with_scikit_learn(seed, rows, classes):
    """Confusion matrix, accuracies, the scores of each class, and macro-F1 over the classes in the truth."""
    labels, predicted = drawn(seed, rows, classes)
    confusion = metrics.confusion_matrix(labels, predicted, classes)
    assert confusion.dtype == np.int64
    assert np.array_equal(confusion, oracle.confusion_matrix(labels, predicted, labels=range(classes)))
    assert metrics.accuracy(confusion) == pytest.approx(oracle.accuracy_score(labels, predicted), rel=1e-15)
    scores = oracle.precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)
    for ours, theirs in zip(metrics.class_scores(confusion), scores, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-14)
    present = np.unique(labels)
    with warnings.catch_warnings(action="ignore"):  # of classes that are predicted and not in the truth
        balanced = oracle.balanced_accuracy_score(labels, predicted)
    assert metrics.balanced_accuracy(confusion) == pytest.approx(balanced, rel=1e-14)
    f1 = oracle.f1_score(labels, predicted, labels=present, average="macro", zero_division=0)
    assert metrics.macro_f1(confusion) == pytest.approx(f1, rel=1e-14)


@given(seeds, st.integers(1, 60), st.integers(6, 12))
def test_the_five_most_likely_classes_give_scikit_learns_top_5_accuracy(seed, rows, classes):
    """They are those of a stable sort, the likeliest first."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(rows, classes)).astype(np.float32)
    labels = rng.integers(0, classes, rows)
    likeliest = most_likely(scores)
    assert np.array_equal(likeliest, np.argsort(-scores, axis=1, kind="stable")[:, :5])
    theirs = oracle.top_k_accuracy_score(labels, scores, k=5, labels=range(classes))
    assert metrics.among(labels, likeliest).mean() == pytest.approx(theirs, rel=1e-15)


def test_of_equally_likely_classes_the_lower_number_is_first():
    """Impossible ones too, so that what is stored does not depend on a library's order; none is taken twice."""
    scores = np.log(np.array([[0, 0.25, 0, 0.5, 0.25, 0, 0]], dtype=np.float32), where=[0, 1, 0, 1, 1, 0, 0],
                    out=np.full((1, 7), -np.inf, dtype=np.float32))  # fmt: skip
    assert most_likely(scores).tolist() == [[3, 1, 4, 0, 2]]


def test_a_class_that_is_only_predicted_does_not_enter_macro_f1():
    """The paper's definition: classes present in the truth; scikit-learn's default averages over the union."""
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    ours = metrics.macro_f1(metrics.confusion_matrix(labels, predicted, 4))
    assert ours == pytest.approx((2 / 3 + 1) / 2)
    assert oracle.f1_score(labels, predicted, average="macro", zero_division=0) == pytest.approx((2 / 3 + 1) / 3)


@given(seeds, st.integers(1, 60), st.integers(2, 12))
def test_cross_entropy_agrees_with_scikit_learn(seed, rows, classes):
    """Where nothing is clipped; the log-probabilities are float32, the sum is not."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), rows) * 0.99 + 0.01 / classes
    labels = rng.integers(0, classes, rows)
    ours = metrics.cross_entropy(np.log(probabilities[np.arange(rows), labels]))
    assert ours == pytest.approx(oracle.log_loss(labels, probabilities, labels=range(classes)), rel=1e-12)


def test_cross_entropy_clips_a_probability_and_keeps_a_nan():
    """Both ends at 1e-8, as in the paper; a NaN is not hidden by the clipping."""
    assert metrics.cross_entropy(np.array([-np.inf])) == pytest.approx(-log(1e-8), rel=1e-12)
    assert metrics.cross_entropy(np.array([0.0])) == pytest.approx(1e-8, rel=1e-6)
    assert np.isnan(metrics.cross_entropy(np.array([0.0, np.nan])))


def test_cross_entropy_of_many_float32_values_is_summed_in_float64():
    """A float32 sum of ten million values would be off in the third digit."""
    values = np.full(10_000_000, -0.1, dtype=np.float32)
    assert metrics.cross_entropy(values) == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def naive_ece(confidence, correct, bins):
    """Return the expected calibration error, bin by bin, as Guo et al. (2017) define it."""
    total = 0.0
    for index in range(bins):
        inside = (confidence > index / bins) & (confidence <= (index + 1) / bins)
        if inside.any():
            total += inside.sum() * abs(correct[inside].mean() - confidence[inside].mean())
    return total / len(confidence)


@given(seeds, st.integers(1, 200), st.integers(1, 20))
def test_calibration_error_is_its_definition(seed, rows, bins):
    """Drawn confidences lie strictly inside the bins."""
    rng = np.random.default_rng(seed)
    confidence, correct = rng.uniform(0.05, 1.0, rows), rng.random(rows) < 0.5
    ours = metrics.expected_calibration_error(confidence, correct, bins)
    assert ours == pytest.approx(naive_ece(confidence, correct, bins), abs=1e-12)


def test_calibration_error_at_the_edges():
    """A bin holds its upper edge; sure and right is 0, sure and wrong is 1."""
    assert metrics.expected_calibration_error(np.ones(4), np.ones(4, dtype=bool)) == 0.0
    assert metrics.expected_calibration_error(np.ones(4), np.zeros(4, dtype=bool)) == 1.0
    # 0.5 falls into (0, 0.5] and 0.75 into (0.5, 1]: |0 - 0.5| / 2 + |1 - 0.75| / 2
    assert metrics.expected_calibration_error(np.array([0.5, 0.75]), np.array([False, True]), bins=2) == 0.375


@given(st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_degradation_is_relative_to_the_clean_accuracy(clean, perturbed):
    """100 % is everything lost, a gain is negative, and nothing can be lost of nothing."""
    assert metrics.degradation(clean, perturbed) == pytest.approx(100 * (1 - perturbed / clean), abs=1e-9)
    assert metrics.degradation(clean, clean) == 0.0
    assert metrics.degradation(0.0, perturbed) == 0.0


def test_a_class_without_images_or_predictions_warns_of_nothing():
    """Denominators of 0 are met on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        confusion = metrics.confusion_matrix(np.array([0]), np.array([0]), 5)
        assert metrics.macro_f1(confusion) == 1.0
        assert metrics.class_scores(confusion).precision.tolist() == [1, 0, 0, 0, 0]
