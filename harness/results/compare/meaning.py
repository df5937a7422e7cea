"""Metrics of test rows that mean something else in the second run, and why: they are not compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.corruption import Corruptions
from harness.results.compare.judging import Side


def redrawn(first: Side, second: Side) -> dict[str, str]:
    """Return the perturbations that were drawn with other seeds in the second run, and why they are not compared."""
    changes = {}
    for seed, row in first.trials.items():
        before, after = (trial.evaluation and trial.evaluation.seeds for trial in (row, second.trials[seed]))
        for name in (before or {}).keys() & (after or {}).keys():
            if before and after and before[name] != after[name]:
                changes[name] = f"the seed of {name} was {_numbers(before[name])}, is {_numbers(after[name])}"
    return changes


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def not_relative(metric: str, redrawn: Mapping[str, str], first: Corruptions, second: Corruptions) -> str:
    """Say why a metric is relative to something else in the second run, empty where it is not."""
    ratio = CATALOGUE[metric].ratio
    if ratio is None:
        return ""
    if first.baseline != second.baseline:
        return f"relative to {first.baseline}, and to {second.baseline or 'no baseline'} in the second run"
    covered = first.covered(ratio)
    if covered != second.covered(ratio):
        return "over other perturbations or severities in the second run"
    return next((why for name, why in redrawn.items() if ratio.of_all and name in covered), "")
