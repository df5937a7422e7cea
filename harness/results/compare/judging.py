"""Whether a metric of an experiment differs significantly between two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.analysis import analyse
from harness.metrics.catalogue import CATALOGUE, value_of
from harness.metrics.comparability import comparable
from harness.metrics.comparisons import Difference, difference, judged
from harness.metrics.corruption import Corruptions
from harness.metrics.crossed import Sums
from harness.metrics.quantities import Quantity
from harness.store import Crossed

if TYPE_CHECKING:
    from harness.rows import Condition, TrialRow


@dataclass(frozen=True)
class Side:
    """An experiment's done trials by seed in one of the runs, and what their corruption errors are relative to."""

    trials: Mapping[int, TrialRow]
    corruptions: Corruptions

    @property
    def rows(self) -> list[TrialRow]:
        """The trials."""
        return list(self.trials.values())

    def values(self, metric: str, condition: Condition) -> dict[int, float]:
        """Return the values of a metric by seed, of the trials that have one."""
        ratio = CATALOGUE[metric].ratio
        each = {
            seed: self.corruptions.value(ratio, row, condition) if ratio else value_of(row, metric, condition)
            for seed, row in self.trials.items()
        }
        return {seed: value for seed, value in each.items() if value is not None}


_SIDES = ("first", "second")


def difference_in(
    name: str, quantity: Quantity, first: Side, second: Side, sums: Mapping[Quantity, Crossed]
) -> Difference | None:
    """Return how much an experiment's metric differs, None where a side lacks it or the two cannot be compared.

    The second run's networks are compared with the first's as another experiment's would be: over seeds and images.
    """
    metric, (condition,) = quantity.metric, quantity.conditions
    if not comparable([metric], [*first.rows, *second.rows]):
        return None
    values = [side.values(metric, condition) for side in (first, second)]
    seeds = tuple(sorted(seed for seed in values[0] if seed in values[1]))
    if not seeds:
        return None
    crossed = sums.get(quantity)
    if crossed is None or (crossed.experiments, crossed.seeds) != (_SIDES, seeds):
        alone = Sums(np.array([[side[seed] for seed in seeds] for side in values]))
        crossed = Crossed(_SIDES, seeds, alone, proportion=False)
    analysis = analyse(
        _SIDES,
        crossed.sums,
        higher_is_better=CATALOGUE[metric].higher_is_better,
        proportion=crossed.proportion,
        possible=CATALOGUE[metric].possible,
    )
    return difference(name, metric, condition, values[0], values[1], analysis.pair("second", "first"))


def judged_together(differences: Sequence[Difference]) -> list[Difference]:
    """Return differences, judged among those of all experiments in a metric under a condition, in their order."""
    together: dict[tuple[str, Condition], list[int]] = {}
    for place, each in enumerate(differences):
        together.setdefault((each.metric, each.condition), []).append(place)
    result = list(differences)
    for places in together.values():
        for place, judgement in zip(places, judged([differences[place] for place in places]), strict=True):
            result[place] = judgement
    return result
