"""The difference in a metric between two sides, and whether it is more than noise.

The sides are an experiment in two runs, or two experiments of one run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt
from typing import TYPE_CHECKING

from harness.metrics.catalogue import CATALOGUE, value_of
from harness.metrics.comparability import comparable
from harness.metrics.statistic import ROUNDING, Statistic, paired
from harness.rows import CLEAN, Condition

if TYPE_CHECKING:
    from harness.rows import TrialRow

CONFIDENCE = 0.95
"""A difference is more than noise where its confidence interval at this level leaves out 0."""
NORMAL_QUANTILE = 1.959963984540054  # scipy.special.ndtri(0.975): to import it takes longer than most tables
"""Half the confidence interval of what is drawn from a normal distribution, in standard deviations."""
CLEAR = 3.0
"""Of one seed, only a difference beyond this many sampling errors gets a verdict, because seeds seldom differ more."""


class Mark(StrEnum):
    """What a difference means."""

    better = "better"
    worse = "worse"
    same = "same"  # to the last bit
    noise = "within noise"
    changed = "changed"  # by more than noise, as far as that is known; neither way is better
    unknown = "no verdict"  # of one seed, of several that differ by the same, or by no number


SIGNS = {
    Mark.better: "▲", Mark.worse: "▼", Mark.noise: "≈", Mark.same: "=", Mark.changed: "", Mark.unknown: "?"
}  # fmt: skip
"""What stands for a mark in tables."""


@dataclass(frozen=True)
class Difference:
    """A metric of two sides, over the seeds that are done in both.

    ``experiment``: whose it is. ``change``: the second side's less the first's, seed by seed. ``error``: half the
    confidence interval of its mean, None where nothing tells, or where every seed is the same.
    """

    experiment: str
    metric: str
    condition: Condition
    first: Statistic
    second: Statistic
    change: Statistic
    error: float | None
    mark: Mark


Trials = Mapping[int, "TrialRow"]
"""An experiment's done trials by seed."""


def difference(
    experiment: str,
    metric: str,
    first: Trials,
    second: Trials,
    sizes: Mapping[str, int],
    condition: Condition = CLEAN,
) -> Difference | None:
    """Return the difference in a metric, None where a side lacks it or the two cannot be compared.

    ``sizes``: the images of each set. The error of the mean of n differences d is t s / √n, s their standard deviation
    and t Student's quantile of n - 1 degrees of freedom: the paired t-test.

    Counts of images are whole: a few seeds may differ by the same by chance, s is 0 then, and the t-test sure of
    anything. So the error of an accuracy p over m images is never below the sampling error of n trials a side,
    z √(p₁ (1 - p₁) / m + p₂ (1 - p₂) / m) / √n, z the normal quantile (the test of two proportions: Dietterich 1998,
    Neural Computation 10, 3.2). It takes the trials for independent, though all see the same m images. That is on the
    safe side where two sides are alike in truth: how hard each image is cancels in d, and what is left varies by no
    more than that (the law of total variance). What other images would say, neither the floor nor the t-test tells.
    A macro-F1 and a degradation have floors alike, from what `harness.metrics.sampling` has for them. No other
    metric has one, a training accuracy neither: where its seeds differ by the same, there is no error and no verdict.

    Of one seed such a metric has the sampling error of n = 1. A difference within it is noise; up to `CLEAR` times as
    much has no verdict, because how much seeds differ, one seed does not tell. Of one seed, other metrics have no error
    that is known, nor has any under a perturbation, in which seeds differ most.
    """
    seeds = [seed for seed in first if seed in second]
    if not comparable([metric], [trials[seed] for trials in (first, second) for seed in seeds]):
        return None
    values = [{seed: value_of(trials[seed], metric, condition) for seed in seeds} for trials in (first, second)]
    known = [seed for seed in seeds if values[0][seed] is not None and values[1][seed] is not None]
    before, after = ({seed: float(side[seed] or 0.0) for seed in known} for side in values)
    change = paired(after, before)
    one, other = Statistic.of(list(before.values())), Statistic.of(list(after.values()))
    if change is None or one is None or other is None:
        return None
    same = change.mean == 0 and not change.std
    record = CATALOGUE[metric]
    images = sizes.get(record.rows, 0) if change.n > 1 or condition[0] is None else 0
    floor = None
    if images:
        sides = [record.sampling_variance([trials[seed] for seed in known], [condition]) for trials in (first, second)]
        spread = [each for each in sides if each is not None]
        floor = NORMAL_QUANTILE * sqrt(sum(spread) / (images * change.n)) if len(spread) == len(sides) else None
    error = None if same or not isfinite(change.mean) else _error(one, other, change, floor)
    mark = Mark.same if same else _mark(metric, change, error)
    return Difference(experiment, metric, condition, one, other, change, error, mark)


def _error(first: Statistic, second: Statistic, change: Statistic, floor: float | None) -> float | None:
    """Return half the confidence interval of a mean change; ``floor``: that of the sampling error, None if unknown."""
    if change.std is None or change.std <= ROUNDING * max(abs(first.mean), abs(second.mean)):
        return floor
    return max(error_of_mean(change), floor or 0.0)


def _mark(metric: str, change: Statistic, error: float | None) -> Mark:
    if error is not None and abs(change.mean) <= error:
        return Mark.noise
    better = CATALOGUE[metric].higher_is_better
    if better is None:
        return Mark.changed
    if error is None:
        return Mark.unknown
    if change.n == 1 and abs(change.mean) <= CLEAR * error:
        return Mark.unknown
    return Mark.better if (change.mean > 0) == better else Mark.worse


def error_of_mean(change: Statistic) -> float:
    """Return half the confidence interval of a mean over several seeds, t s / √n; 0 where they have no spread."""
    if change.std is None:
        return 0.0
    from scipy.special import stdtrit

    return float(stdtrit(change.n - 1, (1 + CONFIDENCE) / 2)) * change.std / sqrt(change.n)
