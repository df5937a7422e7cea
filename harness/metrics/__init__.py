"""Metrics: how they are computed, and what is known of each."""

from harness.metrics.classification import (
    CLIP,
    accuracy,
    among,
    balanced_accuracy,
    class_scores,
    confusion_matrix,
    cross_entropy,
    degradation,
    error_if_calibrated,
    expected_calibration_error,
    losses,
    macro_f1,
    reliability,
)

__all__ = [
    "CLIP",
    "accuracy",
    "among",
    "balanced_accuracy",
    "class_scores",
    "confusion_matrix",
    "cross_entropy",
    "degradation",
    "error_if_calibrated",
    "expected_calibration_error",
    "losses",
    "macro_f1",
    "reliability",
]
