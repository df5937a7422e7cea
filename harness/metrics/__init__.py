"""Metrics: how they are computed, and what is known of each."""

from harness.metrics.classification import (
    CLIP,
    accuracy,
    among,
    balanced_accuracy,
    balanced_accuracy_variance,
    class_scores,
    confusion_matrix,
    cross_entropy,
    degradation,
    degradation_variance,
    expected_calibration_error,
    joint_accuracy,
    losses,
    macro_f1,
    macro_f1_variance,
    reliability,
)

__all__ = [
    "CLIP",
    "accuracy",
    "among",
    "balanced_accuracy",
    "balanced_accuracy_variance",
    "class_scores",
    "confusion_matrix",
    "cross_entropy",
    "degradation",
    "degradation_variance",
    "expected_calibration_error",
    "joint_accuracy",
    "losses",
    "macro_f1",
    "macro_f1_variance",
    "reliability",
]
