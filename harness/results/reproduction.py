"""A stored trial beside the same one trained again: bit-identical, within the interval of seeds, or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from numpy.typing import NDArray

from harness.metrics.catalogue import CATALOGUE
from harness.rows import TrialRow

JUDGED = ("val_accuracy", "val_loss", "test_accuracy", "test_cross_entropy")
"""The metrics that are judged, as far as the stored trial has them."""
LEVEL = 0.95
"""The probability with which another seed's values are all within their intervals."""


class Sameness(StrEnum):
    """How a trial that was trained again is to the stored one."""

    identical = "identical"  # every weight, every prediction and every judged metric, to the last bit
    within = "within"  # each judged metric is within the interval of the stored seeds
    outside = "outside"  # one is not
    undecided = "undecided"  # it is not identical, and one seed has no interval
    failed = "failed"  # it could not be trained again


@dataclass(frozen=True)
class Reproduced:
    """A judged metric: the stored value, that of the trial trained again, and the interval of seeds.

    The interval is the 95 % prediction interval of one more seed: m ± t(n - 1) · s · √(1 + 1/n), of the mean m and
    standard deviation s of the n stored seeds, for all judged metrics together (Bonferroni); it ends where the metric's
    values do. None of one seed.
    """

    metric: str
    stored: float
    here: float
    interval: tuple[float, float] | None

    @property
    def within(self) -> bool | None:
        """Whether the new value is in the interval; None without one, where the values differ."""
        if self.stored == self.here:
            return True
        return None if self.interval is None else self.interval[0] <= self.here <= self.interval[1]


def reproduced(stored: TrialRow, here: TrialRow, seeds: Mapping[str, list[float]]) -> list[Reproduced]:
    """Return each judged metric of a stored trial and of the same trained again.

    ``seeds``: the values of all of the experiment's stored seeds by metric.
    """
    names = [name for name in JUDGED if CATALOGUE[name].read(stored) is not None]
    compared = []
    for name in names:
        read = CATALOGUE[name].read
        before, now = read(stored), read(here)
        if before is not None and now is not None:
            ends = prediction_interval(seeds[name], LEVEL, len(names))
            compared.append(Reproduced(name, before, now, ends and _possible(name, ends)))
    return compared


def prediction_interval(values: list[float], level: float, together: int) -> tuple[float, float] | None:
    """Return where one more value is with a probability, one of several that are judged together; None of one value.

    >>> low, high = prediction_interval([1.0, 2.0, 3.0], 0.95, 1)
    >>> round(low, 3), round(high, 3)
    (-2.968, 6.968)
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    count = len(values)
    half = float(stdtrit(count - 1, 1 - (1 - level) / together / 2)) * stdev(values) * sqrt(1 + 1 / count)
    return fmean(values) - half, fmean(values) + half


def _possible(metric: str, ends: tuple[float, float]) -> tuple[float, float]:
    """Return an interval without what no value of the metric can be."""
    least, greatest = CATALOGUE[metric].possible
    return max(ends[0], least), min(ends[1], greatest)


def same_arrays(first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether both have the same arrays, to the last bit."""
    return first.keys() == second.keys() and all(
        array.dtype == second[name].dtype
        and array.shape == second[name].shape
        and array.tobytes() == second[name].tobytes()  # by bits: a NaN is itself
        for name, array in first.items()
    )


def sameness(metrics: list[Reproduced], *, identical: bool) -> Sameness:
    """Return the verdict; ``identical``: whether weights and predictions are, to the last bit."""
    if identical and all(each.stored == each.here for each in metrics):
        return Sameness.identical
    verdicts = {each.within for each in metrics}
    if False in verdicts:
        return Sameness.outside
    return Sameness.undecided if None in verdicts else Sameness.within
