"""Per-image values of metrics: their mean over the images is the metric, their spread its sampling error.

Of a metric that is a smooth function of means over images, an image's value is the metric plus the metric's derivative
in that image's direction: the infinitesimal jackknife (Jaeckel, 1972; Efron, 1982, The Jackknife, the Bootstrap and
Other Resampling Plans, chapter 6). Over m images the metric's variance is that of its m values, divided by m. Every
function takes and returns plain arrays over the m images; values are float64.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.classification import confusion_matrix

Booleans = NDArray[np.bool_]
Integers = NDArray[np.integer[Any]]
Values = NDArray[np.float64]
"""A value for each image, (images,)."""


def macro_f1_values(predicted: Integers, labels: Integers, classes: int) -> Values:
    """Return the values of the macro-F1 of predictions (images,) for images of the classes ``labels`` (images,).

    Of an image of class t that is taken for class p, F + (m / C) (2 · 1(p = t) / d_t - F_t / d_t - F_p / d_p): F is the
    macro-F1, F_c the F1 of class c, d_c the number of images of class c plus that of predictions of c, C the number of
    classes in the truth (Takahashi et al., 2022, Applied Intelligence 52, 4961-4972). A class outside the truth has no
    term.

    >>> macro_f1_values(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2)
    array([ 0.89333333,  0.89333333, -0.03111111,  1.17777778])
    """
    confusion = confusion_matrix(labels, predicted, classes)
    present, right = confusion.sum(axis=1), np.diag(confusion)
    of_truth = present > 0
    inverse = _inverse(np.where(of_truth, present + confusion.sum(axis=0), 0))  # 1 / d_c
    f1 = 2.0 * right * inverse
    share = f1 * inverse  # F_c / d_c
    change = -share[:, None] - share[None, :] + np.diag(2.0 * inverse)
    return _looked_up(f1[of_truth].mean(), change, of_truth, predicted, labels)


def balanced_accuracy_values(predicted: Integers, labels: Integers, classes: int) -> Values:
    """Return the values of the balanced accuracy, the mean recall of the C classes that are in the truth.

    Of an image of class t, R + (m / C) (1(p = t) - R_t) / n_t: R is the balanced accuracy, R_t the recall of class t,
    n_t the number of its images.

    >>> balanced_accuracy_values(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2)
    array([1.05555556, 1.05555556, 0.38888889, 0.83333333])
    """
    confusion = confusion_matrix(labels, predicted, classes)
    present = confusion.sum(axis=1)
    inverse = _inverse(present)
    recall = np.diag(confusion) * inverse
    change = np.diag(inverse) - (recall * inverse)[:, None]
    return _looked_up(recall[present > 0].mean(), change, present > 0, predicted, labels)


def _looked_up(mean: float, change: Values, of_truth: Booleans, predicted: Integers, labels: Integers) -> Values:
    """Return the mean plus what each image changes, from a table by class of the truth and class of the prediction."""
    table = mean + len(labels) / of_truth.sum() * change  # (classes, classes)
    values: Values = table[labels, predicted]
    return values


def degradation_values(clean: Booleans, noisy: Sequence[Booleans]) -> Values:
    """Return the values of the mean degradation, from which images (images,) are right, clean and under each noise.

    With clean accuracy p and mean perturbed accuracy q, 100 (p - q) / p - 100 [(q_i - q) / p - q (c_i - p) / p²]: c_i
    says whether clean image i is right, q_i under what share of severities it is. All are 0 where p is 0.

    >>> degradation_values(np.array([True, True, True, False]), [np.array([True, True, False, False])])
    array([-11.11111111, -11.11111111, 122.22222222,  33.33333333])
    """
    share: Values = np.mean(noisy, axis=0, dtype=np.float64)
    return 100.0 - _ratio_values(share, clean.astype(np.float64)) if clean.any() else np.zeros(len(clean))


def corruption_error_values(wrong: Booleans, reference: Booleans) -> Values:
    """Return the values of the corruption error, 100 Σ E / Σ R; both (severities, images).

    E and R are the error rates of a network and of the reference on the same perturbed images (Hendrycks & Dietterich,
    2019, section 4.2): `wrong` and `reference` say which images they got wrong. All are 0 where R is 0 throughout.

    >>> corruption_error_values(np.array([[True, False, False, False]]), np.array([[True, True, False, False]]))
    array([150., -50.,  50.,  50.])
    """
    mine: Values = np.mean(wrong, axis=0, dtype=np.float64)
    theirs: Values = np.mean(reference, axis=0, dtype=np.float64)
    return _ratio_values(mine, theirs) if theirs.any() else np.zeros(len(theirs))


def relative_corruption_error_values(
    wrong: Booleans, clean: Booleans, reference: Booleans, clean_reference: Booleans
) -> Values:
    """Return the values of the relative corruption error, 100 Σ (E - E_clean) / Σ (R - R_clean).

    ``wrong`` and ``reference`` (severities, images) as in `corruption_error_values`, ``clean`` and ``clean_reference``
    (images,) of the clean images. All are 0 where the reference's mean error under the perturbation is the clean one.

    >>> wrong, clean = np.array([[True, True, False, False]]), np.array([True, False, False, False])
    >>> reference, clean_reference = np.array([[True, True, True, False]]), np.array([True, False, False, False])
    >>> relative_corruption_error_values(wrong, clean, reference, clean_reference)
    array([ 50., 150., -50.,  50.])
    """
    mine: Values = np.mean(wrong, axis=0, dtype=np.float64) - clean
    theirs: Values = np.mean(reference, axis=0, dtype=np.float64) - clean_reference
    return _ratio_values(mine, theirs) if theirs.sum() else np.zeros(len(theirs))


def _ratio_values(above: Values, below: Values) -> Values:
    """Return the values of 100 · mean(above) / mean(below), by the delta method."""
    bottom = below.mean()
    ratio = above.mean() / bottom
    return np.asarray(100.0 * (ratio + (above - ratio * below) / bottom))


def _inverse(counts: NDArray[np.int64]) -> Values:
    """Return 1 / count, and 0 where there is none."""
    return np.where(counts > 0, 1.0 / np.maximum(counts, 1), 0.0)
