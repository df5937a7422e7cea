"""How much of a rank may be chance: by the number of test images, and by what seeds differ in."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.comparisons import NORMAL_QUANTILE
from harness.metrics.statistic import Statistic
from harness.results.results import Results
from harness.rows import Condition
from harness.text import counted


def accuracy(results: Results) -> str:
    """Say how exactly the test images tell the best accuracy; empty where it is not known, or nothing is ranked.

    Half of Wilson's (1927) interval at 95 %: z √(p (1 - p) / n + z² / 4n²) / (1 + z² / n). Means over seeds are of the
    same images, and have the same error.
    """
    values = [value for one in results.experiments if (value := one.statistic("test_accuracy"))]
    n = results.sizes.get("test", 0)
    if not n or len(values) < 2:
        return ""
    best = max(value.mean for value in values)
    z = NORMAL_QUANTILE
    half = z * sqrt(best * (1 - best) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return f"an accuracy of {best:.2%} to ± {100 * half:.2f} points (95 %)"


def degradation(results: Results, perturbation: str) -> str:
    """Say how exactly the test images tell the least mean degradation under a perturbation; empty as of an accuracy.

    Half of the normal interval at 95 %, z √(v / n), v from `harness.metrics.sampling.of_degradation`.
    """
    noisy = [severity for severity in results.perturbations.get(perturbation, ()) if severity > 0]
    found = [(one.over_severities("degradation", perturbation, noisy), one) for one in results.experiments]
    values = [(value.mean, one.tested) for value, one in found if value]
    n = results.sizes.get("test", 0)
    if not n or len(values) < 2:
        return ""
    least, tested = min(values, key=lambda value: value[0])
    conditions = [Condition(perturbation, severity) for severity in noisy]
    spread = CATALOGUE["degradation"].sampling_variance(tested, conditions)
    if spread is None:
        return ""
    half = NORMAL_QUANTILE * sqrt(spread / n)
    return f"a mean degradation of {least:.2f}% under {perturbation} to ± {half:.2f} points (95 %)"


def note(results: Results, told: Sequence[str], ranked: Sequence[Statistic]) -> str:
    """Say what the test images tell, and what ± says of ranks, in sentences; ``ranked``: the values of a ranking."""
    known = [one for one in told if one]
    images = counted(results.sizes.get("test", 0), "test image")
    parts = []
    if known:
        parts.append(
            f"Values that are shown alike share a rank. {images} tell {' and '.join(known)}: a rank that rests on less "
            "may be chance."
        )
    if any(value.n > 1 for value in ranked):
        parts.append("± is the standard deviation over seeds.")
        if len(ranked) > 1:
            parts.append("Ranks of values that are nearer than their ± may be chance too.")
    return " ".join(parts)
