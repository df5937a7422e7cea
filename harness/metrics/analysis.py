"""Which differences in a metric are significant, which ranks are certain, and what would settle the others.

The differences of all pairs of some experiments, by a mixed model of seeds crossed with images (`components`), with
Holm's adjustment for their number and simultaneous confidence sets of the ranks (`ranking`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.metrics.components import Components, components
from harness.metrics.crossed import Floats, Sums
from harness.metrics.pairs import Pair, Pairs, Target
from harness.metrics.power import median_detectable, median_detectable_at_best
from harness.metrics.ranking import rank_sets, ranks

Basis = Literal["seeds and images", "seeds", "images", "nothing"]
"""What variances are estimated from."""


@dataclass(frozen=True)
class Rank:
    """An experiment's rank by its mean, the 95 % confidence set of its rank, and those it does not differ from.

    ``rank_low`` and ``rank_high`` are None where the ranks are of networks, not of recipes.
    """

    rank: int
    rank_low: int | None
    rank_high: int | None
    tied_with: tuple[str, ...]


@dataclass(frozen=True)
class Advice:
    """Two experiments that do not differ significantly, and the further seeds that would separate them.

    ``more`` is None where 100 seeds would not.
    """

    better: str
    worse: str
    more: int | None


@dataclass(frozen=True, eq=False)
class Analysis:
    """All comparisons of some experiments in a metric.

    ``seeds``: by number. ``left_out``: the experiments that are not part of it, and why, each in words. ``images``: how
    many there are, 0 where the metric has no per-image values. ``proportion``: whether each image's value is 0 or 1.
    ``possible``: the least and the greatest value of the metric.
    """

    names: tuple[str, ...]
    means: Floats
    sums: Sums
    seeds: tuple[int, ...]
    images: int
    higher_is_better: bool | None
    parts: Components
    pairs: Pairs
    left_out: Mapping[str, str] = field(default_factory=dict)
    proportion: bool = False
    possible: tuple[float, float] = (-inf, inf)

    @property
    def target(self) -> Target:
        """What the differences are of."""
        return "recipes" if len(self.seeds) > 1 else "networks"

    @property
    def basis(self) -> Basis:
        """What the variances rest on."""
        if len(self.seeds) > 1:
            return "seeds and images" if self.images else "seeds"
        return "images" if self.images else "nothing"

    def pair(self, first: str, second: str) -> Pair | None:
        """Return how much one experiment is above another, None where either is not part of the analysis."""
        if (first, second) in self._places:
            return self.pairs[self._places[first, second]]
        if (second, first) in self._places:
            return self.pairs[self._places[second, first]].reversed()
        return None

    def level(self, name: str) -> Pair | None:
        """Return how much an experiment is above 0, None where it is not part of the analysis."""
        if name not in self.names:
            return None
        sums = self.sums.beside_zero(self.names.index(name))
        return Pairs((name, ""), sums, components(sums), proportion=False, possible=self.possible)[0]

    @cached_property
    def _places(self) -> dict[tuple[str, str], int]:
        """Each pair's place among all, by the names of its experiments."""
        ends = zip(self.parts.first.tolist(), self.parts.second.tolist(), strict=True)
        return {(self.names[first], self.names[second]): place for place, (first, second) in enumerate(ends)}

    @cached_property
    def ranks(self) -> dict[str, Rank]:
        """Each experiment's rank; empty where neither way is better."""
        if self.higher_is_better is None:
            return {}
        goodness, significant = self._goodness, self.significant
        best, (low, high) = ranks(goodness), rank_sets(goodness, significant)
        by_experiment = {}
        for place, name in enumerate(self.names):
            tied = tuple(other for at, other in enumerate(self.names) if at != place and not significant[place, at])
            of_recipes = self.target == "recipes"
            by_experiment[name] = Rank(
                int(best[place]),
                int(low[place]) if of_recipes else None,
                int(high[place]) if of_recipes else None,
                tied,
            )
        return by_experiment

    @cached_property
    def order(self) -> list[int]:
        """The experiments' positions, the best first; equal ones as they come."""
        return [int(place) for place in np.argsort(-self._goodness, kind="stable")]

    @cached_property
    def significant(self) -> NDArray[np.bool_]:
        """Which experiments differ significantly, (K, K)."""
        result = np.zeros((len(self.names), len(self.names)), dtype=np.bool_)
        result[self.parts.first, self.parts.second] = self.pairs.significant
        return result | result.T

    @cached_property
    def detectable(self) -> float | None:
        """The smallest difference that is detected with 80 % power, of the median pair; None where nothing is known."""
        return median_detectable(self.parts, self.undecided)

    @cached_property
    def detectable_at_best(self) -> float | None:
        """The same with any number of seeds: what these images can never show. None where only seeds are known."""
        return median_detectable_at_best(self.parts, self.undecided) if self.images else None

    def detectable_with(self, seeds: int) -> float | None:
        """Return the same with a number of seeds."""
        return median_detectable(self.parts, self.undecided, seeds)

    @cached_property
    def undecided(self) -> int:
        """How many pairs are not significantly different."""
        return int((~self.pairs.significant).sum())

    def advice(self) -> Advice | None:
        """Return the neighbours in the ranking that the fewest further seeds would separate, None where all are.

        Where no number would separate neighbours, others that are further apart.
        """
        if self.target == "networks" or self.higher_is_better is None:
            return None
        best = min(
            self._advised(pairwise(self.order)),
            key=lambda advice: inf if advice.more is None else advice.more,
            default=None,
        )
        at = self.pairs.cheapest
        if best is None or best.more is not None or at is None:
            return best
        ends = sorted((int(self.parts.first[at]), int(self.parts.second[at])), key=self.order.index)
        return next(self._advised([(ends[0], ends[1])]))

    def _advised(self, places: Iterable[tuple[int, int]]) -> Iterator[Advice]:
        """Yield advice on each pair of positions, the better one first, that are not significantly different."""
        for better, worse in places:
            pair = None if self.significant[better, worse] else self.pair(self.names[better], self.names[worse])
            if pair:
                more = None if pair.seeds_needed is None else max(1, pair.seeds_needed - len(self.seeds))
                yield Advice(pair.first, pair.second, more)

    @property
    def _goodness(self) -> Floats:
        return self.means if self.higher_is_better is not False else -self.means


def analyse(
    names: Sequence[str],
    sums: Sums,
    *,
    higher_is_better: bool | None,
    proportion: bool = False,
    left_out: Mapping[str, str] | None = None,
    seeds: Iterable[int] | None = None,
    possible: tuple[float, float] = (-inf, inf),
) -> Analysis:
    """Return the comparisons of experiments, in the order of ``names``.

    ``proportion``: each image's value is 0 or 1, and one seed is compared by McNemar's exact test. ``possible``: the
    least and the greatest value of the metric, beyond which no interval goes. An experiment with a mean that is not
    finite, because a seed diverged, is left out.
    """
    finite: NDArray[np.bool_] = np.all(np.isfinite(sums.means), axis=1)
    diverged = {name: "a seed has no finite value" for name, good in zip(names, finite, strict=True) if not good}
    kept = sums if finite.all() else sums.of([int(place) for place in np.flatnonzero(finite)])
    used = tuple(name for name in names if name not in diverged)
    parts = components(kept)
    least, greatest = possible
    return Analysis(
        used,
        kept.means.mean(axis=1),
        kept,
        tuple(range(sums.seeds) if seeds is None else seeds),
        sums.images,
        higher_is_better,
        parts,
        Pairs(used, kept, parts, proportion=proportion, possible=(least - greatest, greatest - least)),
        {**(left_out or {}), **diverged},
        proportion,
        possible,
    )
