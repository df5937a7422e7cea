"""What so many images tell of a metric: the error that it has, however many seeds there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.suite.relations import Metric

SETS: Mapping[Metric, str] = {
    "train_accuracy": "train",
    "val_accuracy": "val",
    "val_macro_f1": "val",
    "test_accuracy": "test",
    "test_macro_f1": "test",
    "degradation": "test",
}
"""The metrics whose sampling error is known, and the set whose images they are of."""


def variance(metric: Metric, value: float, clean_accuracy: float = 0.0) -> float:
    """Return the variance that a metric has over one drawn image: over m images it is the m-th part.

    ``value``: the metric's, of `SETS`. ``clean_accuracy``: what a degradation is relative to.

    An accuracy p is a share: p (1 - p), the binomial's. A macro-F1 is taken for an accuracy of its value, which is an
    approximation: exact would be the delta method on the whole confusion matrix (Takahashi et al. 2022, Applied
    Intelligence 52, 4961-4972), which no row has. Of ten classes of one size both agree within 2 % in drawn sets; with
    rare classes the true error is larger, twice as large where one class of two has 5 % of the images.

    A degradation D = 100 (1 - q / p) is a ratio of two accuracies, clean p and perturbed q. To first order (Katz et al.
    1978, Biometrics 34, 469; the delta method) its variance is 100² (q (1 - q) + (q / p)² p (1 - p)) / p². That takes
    the two for independent; they are of the same images and rise together, so it is rather too large.

    >>> variance("test_accuracy", 0.5), round(variance("degradation", 20.0, 0.9), 6)
    (0.25, 3200.0)
    """
    if metric != "degradation":
        return value * (1 - value)
    if not clean_accuracy:
        return 0.0
    ratio = 1 - value / 100
    perturbed = ratio * clean_accuracy
    both = perturbed * (1 - perturbed) + ratio**2 * clean_accuracy * (1 - clean_accuracy)
    return 100.0**2 * max(0.0, both) / clean_accuracy**2
