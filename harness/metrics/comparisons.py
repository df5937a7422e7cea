"""The difference in a metric between two sides, and whether it is significant.

The sides are an experiment in two runs, or two experiments of one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.pairs import Pair, adjusted
from harness.metrics.statistic import Statistic, paired
from harness.rows import Condition


class Mark(StrEnum):
    """What a difference means."""

    better = "better"  # significantly
    worse = "worse"  # significantly
    same = "same"  # to the last bit
    insignificant = "not significant"
    changed = "changed"  # significantly, as far as that is known; neither way is better
    undecided = "undecided"  # no variance is known: of one seed, of several that differ by the same, or not a number


SIGNS = {
    Mark.better: "▲", Mark.worse: "▼", Mark.insignificant: "≈", Mark.same: "=", Mark.changed: "", Mark.undecided: "?"
}  # fmt: skip
"""The sign of each mark in tables."""


@dataclass(frozen=True)
class Difference:
    """A metric of two sides, over the seeds that they are compared over.

    ``experiment``: whose it is. ``change``: the second side's less the first's, seed by seed. ``pair``: how much the
    second is above the first, with what is known of it; None where nothing is.
    """

    experiment: str
    metric: str
    condition: Condition
    first: Statistic
    second: Statistic
    change: Statistic
    pair: Pair | None
    mark: Mark

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the change; None where no variance is known, or nothing changed."""
        if self.mark is Mark.same or self.pair is None or self.pair.low is None or self.pair.high is None:
            return None
        return self.pair.low, self.pair.high


def _mark(metric: str, change: Statistic, pair: Pair | None) -> Mark:
    if change.mean == 0 and not change.std:
        return Mark.same
    better = CATALOGUE[metric].higher_is_better
    if pair is None or pair.p is None or not isfinite(change.mean):
        return Mark.changed if better is None and isfinite(change.mean) else Mark.undecided
    if not pair.significant:
        return Mark.insignificant
    if better is None:
        return Mark.changed
    return Mark.better if (change.mean > 0) == better else Mark.worse


def difference(
    experiment: str,
    metric: str,
    condition: Condition,
    first: Mapping[int, float],
    second: Mapping[int, float],
    pair: Pair | None,
) -> Difference | None:
    """Return the difference of two sides' values by seed, over the seeds that both have; None without one."""
    seeds = [seed for seed in first if seed in second]
    sides = [Statistic.of([side[seed] for seed in seeds]) for side in (first, second)]
    change = paired({seed: second[seed] for seed in seeds}, {seed: first[seed] for seed in seeds})
    if sides[0] is None or sides[1] is None or change is None:
        return None
    mark = _mark(metric, change, pair)
    return Difference(experiment, metric, condition, sides[0], sides[1], change, pair, mark)


def judged(differences: Iterable[Difference]) -> list[Difference]:
    """Return the differences of one table in one metric, their p-values adjusted for how many there are (Holm).

    What is the same to the last bit does not count: nothing was compared.
    """
    result = list(differences)
    changed = [each.pair is not None and each.mark is not Mark.same for each in result]
    pairs = iter(adjusted(each.pair for each, new in zip(result, changed, strict=True) if new and each.pair))
    return [_with(each, next(pairs)) if new else each for each, new in zip(result, changed, strict=True)]


def _with(difference: Difference, pair: Pair) -> Difference:
    return replace(difference, pair=pair, mark=_mark(difference.metric, difference.change, pair))
