"""What every table is about: a mean over seeds, and the kinds of number that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt
from statistics import fmean

ROUNDING = 1e-9
"""A figure that is a limit but for the rounding of binary fractions is the limit."""


@dataclass(frozen=True)
class Statistic:
    """A mean over seeds, its sample standard deviation (None for one seed), and how many seeds.

    ``doubt``: why it is not to be compared, as of a time that was disturbed; empty where it may be.
    """

    mean: float
    std: float | None
    n: int
    doubt: str = ""

    @classmethod
    def of(cls, values: Sequence[float]) -> Statistic | None:
        """Return the statistic of some values, None of none."""
        if not values:
            return None
        mean = sum(values) / len(values)
        if len(values) == 1:
            return cls(mean, None, 1)
        return cls(mean, sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)), len(values))

    @property
    def sortable(self) -> float:
        """The mean, with what is not a number behind everything."""
        return self.mean if isfinite(self.mean) else float("inf")


class Kind(StrEnum):
    """What a column holds; it decides how text is made of it."""

    text = "text"
    figure = "figure"  # a number that is text already, with what belongs to it
    number = "number"
    percent = "percent"  # a fraction, shown in percent with two decimals
    points = "points"  # a difference of fractions, shown in percentage points with its sign
    relative = "relative"  # a change in percent, shown with its sign
    degradation = "degradation"  # in percent already, two decimals
    loss = "loss"  # nats, four decimals
    seconds = "seconds"
    real = "real"  # three significant digits
    rate = "rate"  # a second, no decimals


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Statistic | None:
    """Return how much the first is above the second, seed by seed; without a common seed, by the means."""
    common = [seed for seed in first if seed in second]
    if common:
        return Statistic.of([first[seed] - second[seed] for seed in common])
    if not first or not second:
        return None
    return Statistic(fmean(first.values()) - fmean(second.values()), None, min(len(first), len(second)))
