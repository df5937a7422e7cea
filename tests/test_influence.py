"""Per-image values: their mean is the metric, their variance what jackknife and bootstrap say of it."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.metrics import (
    accuracy,
    class_scores,
    confusion_matrix,
    cross_entropy,
    degradation,
    macro_f1,
)
from harness.metrics.classification import losses
from harness.metrics.influence import (
    balanced_accuracy_values,
    corruption_error_values,
    degradation_values,
    macro_f1_values,
)

CLASSES = 6
IMAGES = 600

Indices = NDArray[np.int64]


class Predictions:
    """Uneven classes, of which one is not in the truth but predicted, another in neither, and four severities."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.labels = rng.choice(4, IMAGES, p=[0.5, 0.3, 0.15, 0.05])
        wrong = rng.random((5, IMAGES)) < np.array([0.1, 0.15, 0.25, 0.4, 0.6])[:, None]
        self.predicted = np.where(wrong, rng.integers(0, 5, (5, IMAGES)), self.labels)
        self.other = np.where(rng.random((5, IMAGES)) < 0.3, rng.integers(0, 5, (5, IMAGES)), self.labels)
        self.log_probability = np.log(rng.beta(4, 1, IMAGES))

    def correct(self, rows: Indices) -> NDArray[np.bool_]:
        """Return which of some rows are right, (conditions, rows)."""
        return (self.predicted == self.labels)[:, rows]

    def confusion(self, rows: Indices) -> NDArray[np.int64]:
        """Return the confusion of some rows, as they are."""
        return confusion_matrix(self.labels[rows], self.predicted[0][rows], CLASSES)


DATA = Predictions()
EVERY = np.arange(IMAGES)


def balanced_accuracy(rows: Indices) -> float:
    confusion = DATA.confusion(rows)
    return float(class_scores(confusion).recall[confusion.sum(axis=1) > 0].mean())


def mean_degradation(rows: Indices) -> float:
    accuracies = DATA.correct(rows).mean(axis=1)
    return float(np.mean([degradation(accuracies[0], each) for each in accuracies[1:]]))


def corruption_error(rows: Indices) -> float:
    return float(100 * (~DATA.correct(rows)[1:]).sum() / (DATA.other != DATA.labels)[1:, rows].sum())


METRICS: dict[str, tuple[NDArray[np.float64], Callable[[Indices], float]]] = {
    "accuracy": (DATA.correct(EVERY)[0].astype(float), lambda rows: accuracy(DATA.confusion(rows))),
    "cross-entropy": (
        losses(DATA.log_probability),
        lambda rows: cross_entropy(DATA.log_probability[rows]),
    ),
    "macro-F1": (
        macro_f1_values(DATA.predicted[0], DATA.labels, CLASSES),
        lambda rows: macro_f1(DATA.confusion(rows)),
    ),
    "balanced accuracy": (balanced_accuracy_values(DATA.predicted[0], DATA.labels, CLASSES), balanced_accuracy),
    "degradation": (degradation_values(DATA.correct(EVERY)[0], DATA.correct(EVERY)[1:]), mean_degradation),
    "corruption error": (
        corruption_error_values(~DATA.correct(EVERY)[1:], (DATA.other != DATA.labels)[1:]),
        corruption_error,
    ),
}


@pytest.mark.parametrize("name", METRICS)
def test_the_mean_of_the_values_is_the_metric(name):
    values, metric = METRICS[name]
    assert values.shape == (IMAGES,)
    assert values.mean() == pytest.approx(metric(EVERY), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_the_values_are_those_of_the_jackknife(name):
    """Leaving image i out changes the metric by (v_i - mean) / m, to first order (Efron, 1982)."""
    values, metric = METRICS[name]
    whole = metric(EVERY)
    pseudo = np.array([IMAGES * whole - (IMAGES - 1) * metric(np.delete(EVERY, at)) for at in EVERY])
    np.testing.assert_allclose(values - whole, pseudo - whole, rtol=0.07, atol=1e-9)
    assert values.var() == pytest.approx(pseudo.var(), rel=0.1)


@pytest.mark.parametrize("name", METRICS)
def test_their_variance_is_that_of_the_bootstrap(name):
    values, metric = METRICS[name]
    rng = np.random.default_rng(1)
    drawn = np.array([metric(rng.integers(0, IMAGES, IMAGES)) for _ in range(1000)])
    assert values.var() / IMAGES == pytest.approx(drawn.var(), rel=0.2)


def test_networks_without_a_correct_answer_or_an_error_have_values():
    wrong, right = np.zeros((3, 4), dtype=bool), np.ones((3, 4), dtype=bool)
    labels = np.array([0, 0, 1, 1])
    assert degradation_values(wrong[0], wrong).tolist() == [0, 0, 0, 0]
    assert degradation_values(right[0], right).tolist() == [0, 0, 0, 0]
    assert corruption_error_values(right, wrong).tolist() == [0, 0, 0, 0]
    assert macro_f1_values(labels, labels, 3).tolist() == [1, 1, 1, 1]
    assert macro_f1_values(1 - labels, labels, 3).tolist() == [0, 0, 0, 0]
    assert balanced_accuracy_values(1 - labels, labels, 3).tolist() == [0, 0, 0, 0]


def test_a_loss_that_is_not_a_number_stays_one_image_s():
    values = losses(np.array([np.nan, -np.inf, 0.0]))
    assert np.isnan(values).tolist() == [True, False, False]
    assert values[1] == pytest.approx(-np.log(1e-8))
