"""Classification metrics: plain functions of NumPy arrays, with float64 sums."""

from collections.abc import Sequence
from math import exp, floor, lgamma, log, log1p, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CLIP = 1e-8
"""Probabilities of the truth are clipped to [1e-8, 1 - 1e-8] in the cross-entropy."""

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


def confusion_matrix(labels: Integers, predicted: Integers, classes: int) -> NDArray[np.int64]:
    """Return how often each class (row) was predicted as each (column), (classes, classes).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    pairs = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def accuracy(confusion: NDArray[np.int64]) -> float:
    """Return the fraction of images on the diagonal of a (classes, classes) confusion matrix.

    >>> accuracy(np.array([[3, 1], [0, 4]]))
    0.875
    """
    return float(np.trace(confusion) / confusion.sum())


class ClassScores(NamedTuple):
    """What is known of each class, all (classes,): ``support`` is the number of its images."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]


def class_scores(confusion: NDArray[np.int64]) -> ClassScores:
    """Return each class's precision, recall, F1 and support; a score is 0 where its denominator is 0.

    F1 = 2 · precision · recall / (precision + recall) = 2 · right / (predicted + present)

    >>> scores = class_scores(np.array([[3, 1], [0, 4]]))
    >>> scores.precision, scores.recall, scores.f1.round(4), scores.support
    (array([1. , 0.8]), array([0.75, 1.  ]), array([0.8571, 0.8889]), array([4, 4]))
    """
    right, predicted, present = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    return ClassScores(
        _ratio(right, predicted), _ratio(right, present), _ratio(2.0 * right, predicted + present), present
    )


def balanced_accuracy(confusion: NDArray[np.int64]) -> float:
    """Return the mean recall of the classes that are present in the truth (Brodersen et al., 2010).

    >>> balanced_accuracy(np.array([[3, 1], [0, 4]]))
    0.875
    """
    scores = class_scores(confusion)
    return float(scores.recall[scores.support > 0].mean())


def among(labels: Integers, candidates: Integers) -> NDArray[np.bool_]:
    """Return whether each image's class (rows,) is among its candidates (rows, k): the mean is the top-k accuracy.

    >>> among(np.array([2, 0]), np.array([[1, 2], [1, 2]]))
    array([ True, False])
    """
    hits: NDArray[np.bool_] = (np.asarray(candidates) == np.asarray(labels)[:, None]).any(axis=1)
    return hits


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Return the mean F1 of the classes that are present in the truth; a class's is 0 where its denominator is 0.

    >>> round(macro_f1(np.array([[3, 1], [0, 4]])), 4)
    0.873
    """
    scores = class_scores(confusion)
    return float(scores.f1[scores.support > 0].mean())


def losses(log_probability: Floats) -> NDArray[np.float64]:
    """Return -log p of each image, in nats, for the log-probabilities (rows,) of the true classes.

    p is clipped to [1e-8, 1 - 1e-8], as in the paper; a NaN stays NaN.

    >>> losses(np.array([-0.5, -np.inf])).round(4)
    array([ 0.5   , 18.4207])
    """
    clipped = np.clip(np.asarray(log_probability, dtype=np.float64), np.log(CLIP), np.log1p(-CLIP))
    return np.asarray(-clipped)


def cross_entropy(log_probability: Floats) -> float:
    """Return the mean of `losses`.

    >>> round(cross_entropy(np.log([0.5, 0.25])), 4)
    1.0397
    """
    return float(losses(log_probability).mean())


def expected_calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the mean gap between confidence and accuracy over equal bins of confidence (Guo et al., 2017, eq. 3).

    ``confidence`` (rows,) is the predicted class's probability; a bin holds its upper edge, weighs by its rows.

    >>> expected_calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
    0.25
    """
    _, claimed, right = reliability(confidence, correct, bins)
    return float(np.abs(claimed - right).sum() / len(confidence))


def reliability(
    confidence: Floats, correct: NDArray[np.bool_], bins: int = 15
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return of each bin of confidence its rows, the sum of their confidences, and how many are right, all (bins,).

    Bins are those of `expected_calibration_error`.

    >>> reliability(np.array([0.25, 0.75, 1.0]), np.array([True, False, True]), bins=2)
    (array([1, 2]), array([0.25, 1.75]), array([1., 1.]))
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    place = _bins(confidence, bins)
    rows: NDArray[np.int64] = np.bincount(place, minlength=bins).astype(np.int64)
    claimed: NDArray[Any] = np.bincount(place, weights=confidence, minlength=bins)
    right: NDArray[Any] = np.bincount(place, weights=np.asarray(correct, dtype=np.float64), minlength=bins)
    return rows, claimed, right


def error_if_calibrated(confidence: Floats, bins: int = 15) -> float:
    """Return the `expected_calibration_error` to expect of a perfectly calibrated network with these confidences.

    It is above 0: a few images of a bin are not right exactly as often as their confidence says (Bröcker & Smith, 2007,
    Weather and Forecasting 22, 651-661). Each image is right with the chance that its ``confidence`` (rows,) is,
    independently of the others. A bin's part is the mean absolute deviation E|S - μ| / rows of how many are right, S,
    from the sum of the confidences, μ: that of the binomial distribution with this mean, 2 k C(n, k) pᵏ (1 - p)ⁿ⁻ᵏ⁺¹
    with k = ⌊np⌋ + 1 (de Moivre, 1730; Diaconis & Zabell, 1991, Statistical Science 6, 284-302), times the ratio of the
    standard deviations of S and of the binomial, because the chances differ.

    >>> error_if_calibrated(np.array([0.5]))
    0.5
    >>> round(error_if_calibrated(np.full(400, 0.75)), 4)  # √(2 / π) √(0.75 · 0.25 / 400) = 0.0173
    0.0173
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    if np.isnan(confidence).any():
        return float("nan")
    place = _bins(confidence, bins)
    rows = np.bincount(place, minlength=bins).tolist()
    claimed = np.bincount(place, weights=confidence, minlength=bins).tolist()
    variances = np.bincount(place, weights=confidence * (1 - confidence), minlength=bins).tolist()
    return sum(map(_mean_deviation, rows, claimed, variances)) / len(confidence)


def _mean_deviation(rows: int, mean: float, variance: float) -> float:
    """Return E|S - ``mean``| of how many of some images are right, 0 where none can be wrong, or none right."""
    spread = mean * (1 - mean / rows) if rows else 0.0
    if spread <= 0 or variance <= 0:
        return 0.0
    share, least = mean / rows, min(floor(mean) + 1, rows)
    combinations = lgamma(rows + 1) - lgamma(least + 1) - lgamma(rows - least + 1)
    binomial = 2 * least * exp(combinations + least * log(share) + (rows - least + 1) * log1p(-share))
    return binomial * sqrt(variance / spread)


def _bins(confidence: Floats, bins: int) -> NDArray[np.int64]:
    """Return the bin of each confidence (rows,): a bin holds its upper edge, the first one 0 too."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def degradation(clean_accuracy: float, accuracy: float) -> float:
    """Return by how many percent of the clean accuracy the accuracy fell; 0 where the clean one is 0.

    >>> degradation(0.8, 0.6)
    25.000000000000007
    """
    return 100.0 * (clean_accuracy - accuracy) / clean_accuracy if clean_accuracy else 0.0


def robust(clean: NDArray[np.bool_], attacked: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return which images (images,) are right as they are and under each attack: their share is robust accuracy.

    An image that a network misclassifies as it is needs no attack (Croce et al., 2021, RobustBench, section 3), so that
    the share is never above clean accuracy.

    >>> robust(np.array([True, True, False]), [np.array([True, False, True])])
    array([ True, False, False])
    """
    right: NDArray[np.bool_] = np.logical_and.reduce([clean, *attacked])
    return right


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    result = np.zeros(len(numerator), dtype=np.float64)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result
