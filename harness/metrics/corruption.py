"""Corruption errors: errors under perturbations in percent of a baseline's.

Hendrycks & Dietterich (2019), Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR,
section 4.2. Of a perturbation with the severities s, with E the error rates of a network and R those of the baseline's
network of the same seed, CE = 100 Σ E_s / Σ R_s and relative CE = 100 Σ (E_s - E_clean) / Σ (R_s - R_clean). Their
means over perturbations are mCE and relative mCE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics import influence
from harness.rows import ALL, CLEAN, Condition, TrialRow

if TYPE_CHECKING:
    from harness.metrics.predictions import Predictions

Conditions = tuple[Condition, ...]


@dataclass(frozen=True)
class Ratio:
    """What a metric relates to the baseline's.

    ``above_clean``: how much the errors are above that of the clean images, not the errors. ``of_all``: the mean over
    all perturbations, not the value of one.
    """

    above_clean: bool
    of_all: bool


def corruption_error(errors: Sequence[float], reference: Sequence[float]) -> float | None:
    """Return 100 Σ E / Σ R of error rates at the same severities; None where Σ R is not above 0.

    >>> corruption_error([0.25, 0.5], [0.5, 0.5])
    75.0
    >>> corruption_error([0.25, 0.5], [0.0, 0.0])
    """
    return 100.0 * sum(errors) / sum(reference) if sum(reference) > 0 else None


def relative_corruption_error(
    errors: Sequence[float], clean: float, reference: Sequence[float], clean_reference: float
) -> float | None:
    """Return 100 Σ (E - E_clean) / Σ (R - R_clean); None where the baseline loses nothing.

    >>> relative_corruption_error([0.25, 0.5], 0.125, [0.5, 0.75], 0.125)
    50.0
    >>> relative_corruption_error([0.25, 0.5], 0.125, [0.125, 0.125], 0.125)
    """
    return corruption_error([each - clean for each in errors], [each - clean_reference for each in reference])


@dataclass(frozen=True)
class Corruptions:
    """What the corruption errors of a run are relative to, and over.

    ``reference``: the tested trials of the experiment ``baseline`` by seed. ``asked``: the perturbations that the suite
    asks for, without those made against a network. ``errors`` and ``falls``: the conditions of the perturbations that
    have a corruption error, and a relative one. ``left_out``: why the others have none, in words.
    """

    baseline: str = ""
    reference: Mapping[int, TrialRow] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    errors: Mapping[str, Conditions] = field(default_factory=dict)
    falls: Mapping[str, Conditions] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        """Whether a mean over perturbations says more than a single one does: tables then have it."""
        return bool(self.errors) and len(self.asked) > 1

    def covered(self, ratio: Ratio) -> Mapping[str, Conditions]:
        """Return the perturbations that a metric is defined for, with their conditions."""
        return self.falls if ratio.above_clean else self.errors

    def named(self, ratio: Ratio) -> list[Condition]:
        """Return what a metric has a value of: each perturbation over `ALL` severities, or all, which is `CLEAN`."""
        covered = self.covered(ratio)
        if ratio.of_all:
            return [CLEAN] if covered else []
        return [Condition(name, ALL) for name in covered]

    def conditions(self, ratio: Ratio, condition: Condition) -> Conditions:
        """Return the conditions that a value of `named` follows from; none where it is not defined."""
        return tuple(each for part in self._parts(ratio, condition).values() for each in part)

    def value(self, ratio: Ratio, row: TrialRow, condition: Condition) -> float | None:
        """Return a tested trial's value, None where it, or the baseline's trial of its seed, lacks a condition."""
        each = [self._of_one(ratio, row, conditions) for conditions in self._parts(ratio, condition).values()]
        known = [value for value in each if value is not None]
        return fmean(known) if known and len(known) == len(each) else None

    def partial(self, ratio: Ratio, row: TrialRow) -> dict[str, float]:
        """Return a trial's value of each perturbation that it has one of."""
        each = {name: self._of_one(ratio, row, conditions) for name, conditions in self.covered(ratio).items()}
        return {name: value for name, value in each.items() if value is not None}

    def values(
        self,
        ratio: Ratio,
        condition: Condition,
        predictions: Mapping[Condition, Predictions],
        reference: Mapping[Condition, Predictions],
    ) -> influence.Values:
        """Return the value of each image, (rows,), from predictions under each condition; their mean is the metric.

        Raises:
            KeyError: a condition is missing, or the metric is not defined.
        """
        parts = list(self._parts(ratio, condition).values())
        if not parts:
            raise KeyError(condition)
        total = np.zeros(len(predictions[CLEAN].correct))
        for conditions in parts:
            mine, theirs = (
                np.array([~of[each].correct for each in (CLEAN, *conditions)]) for of in (predictions, reference)
            )
            if ratio.above_clean:
                total += influence.relative_corruption_error_values(mine[1:], mine[0], theirs[1:], theirs[0])
            else:
                total += influence.corruption_error_values(mine[1:], theirs[1:])
        return total / len(parts)

    def _parts(self, ratio: Ratio, condition: Condition) -> Mapping[str, Conditions]:
        covered = self.covered(ratio)
        if ratio.of_all:
            return covered if condition == CLEAN else {}
        name = condition.perturbation or ""
        return {name: covered[name]} if condition.severity == ALL and name in covered else {}

    def _of_one(self, ratio: Ratio, row: TrialRow, conditions: Conditions) -> float | None:
        other = self.reference.get(row.seed)
        mine, theirs = errors(row, conditions), errors(other, conditions) if other else None
        if mine is None or theirs is None:
            return None
        if ratio.above_clean:
            return relative_corruption_error(mine[1:], mine[0], theirs[1:], theirs[0])
        return corruption_error(mine[1:], theirs[1:])


NO_CORRUPTIONS = Corruptions()
"""Of a run without a baseline: nothing has a corruption error."""


def errors(row: TrialRow, conditions: Sequence[Condition]) -> list[float] | None:
    """Return a tested trial's error rates on the clean images, then under each condition; None where it lacks one."""
    measures = row.evaluation.measures if row.evaluation else []
    # The first of equal conditions counts.
    accuracy = {each.condition: each.values.get("test_accuracy") for each in reversed(measures)}
    known = [value for each in (CLEAN, *conditions) if (value := accuracy.get(each)) is not None]
    return [1.0 - value for value in known] if len(known) == 1 + len(conditions) else None
