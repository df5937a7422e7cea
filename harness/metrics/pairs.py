"""The difference between two experiments in a metric, with its confidence interval and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.metrics.components import Components, student_p
from harness.metrics.crossed import Floats, Sums
from harness.metrics.power import seeds_needed
from harness.metrics.proportions import CONFIDENCE, mcnemar, mcnemar_interval
from harness.metrics.ranking import LEVEL, holm

Target = Literal["recipes", "networks"]
"""What a statement is about: recipes, of which the seeds are samples, or the one network that each recipe made here."""


@dataclass(frozen=True)
class Pair:
    """How much the first experiment's metric is above the second's.

    ``low`` and ``high``: the 95 % confidence interval; ``p``: two-sided, of no difference; ``p_holm``: adjusted for the
    number of pairs. None where no variance is known. ``df``: degrees of freedom, None where infinite.
    ``variance_seeds`` and ``variance_images`` sum to the variance of ``difference``. ``seeds_needed``: the seeds that
    would detect it with 80 % power if it is as observed, None where it is significant, or where 100 would not do.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    df: float | None
    variance_seeds: float | None
    variance_images: float | None
    seeds_needed: int | None
    target: Target
    significant: bool

    def reversed(self) -> Pair:
        """Return how much the second is above the first."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return replace(self, first=self.second, second=self.first, difference=-self.difference, low=low, high=high)

    def above(self, offset: float) -> Pair:
        """Return how much the difference is above an offset; its p-value is not adjusted."""
        if not offset:
            return self
        if self.low is None or self.high is None or self.variance_seeds is None or self.variance_images is None:
            return replace(self, difference=self.difference - offset)
        difference = self.difference - offset
        error = sqrt(self.variance_seeds + self.variance_images)
        p = student_p(np.array([abs(difference) / error if error else 0.0]), np.array([self.df or np.inf]))
        low, high = self.low - offset, self.high - offset
        return replace(self, difference=difference, low=low, high=high, p=float(p[0]), p_holm=float(p[0]))


class Pairs:
    """All pairs of experiments. Each is made when it is asked for: two hundred experiments have twenty thousand."""

    def __init__(
        self,
        names: Sequence[str],
        sums: Sums,
        parts: Components,
        *,
        proportion: bool,
        possible: tuple[float, float] = (-inf, inf),
    ) -> None:
        """``proportion``: each image's value is 0 or 1. ``possible``: the least and the greatest difference.

        An interval ends there: it contains the truth as often, because that is not beyond.
        """
        self._names, self._parts = names, parts
        p, half = parts.p(), parts.half(parts.n, CONFIDENCE)
        low, high = np.clip([parts.difference - half, parts.difference + half], *possible)
        if proportion and parts.n == 1 and sums.between is not None:
            alone = _right_alone(sums.between, parts, sums.images)
            p, (low, high) = mcnemar(*alone), mcnemar_interval(*alone, sums.images)
        # What is not known counts as a comparison that was made.
        self._p, self._p_holm, self._low, self._high = p, holm(p), low, high
        self.significant: NDArray[np.bool_] = (self._p_holm <= LEVEL) & parts.known
        """Which pairs differ significantly, in their order."""
        self._needed = seeds_needed(parts, int((~self.significant).sum()))
        self._freedom = parts.freedom(parts.n)

    def __len__(self) -> int:
        return len(self._parts.difference)

    def __iter__(self) -> Iterator[Pair]:
        return (self[at] for at in range(len(self)))

    @property
    def cheapest(self) -> int | None:
        """The place of the pair that the fewest seeds would make significant, of those that are not; None without."""
        undecided = (self._needed > 0) & ~self.significant
        return int(np.where(undecided, self._needed, np.inf).argmin()) if undecided.any() else None

    def __getitem__(self, at: int) -> Pair:
        """Return a pair with what is known of it."""
        parts = self._parts
        known, settled = bool(parts.known[at]), bool(self.significant[at])

        def number(value: float) -> float | None:
            return float(value) if known else None

        return Pair(
            self._names[parts.first[at]],
            self._names[parts.second[at]],
            float(parts.difference[at]),
            number(self._low[at]),
            number(self._high[at]),
            number(self._p[at]),
            number(self._p_holm[at]),
            float(self._freedom[at]) if known and np.isfinite(self._freedom[at]) else None,
            number(parts.seeds[at] / parts.n),
            number(parts.images[at]),
            int(self._needed[at]) if self._needed[at] and not settled and parts.n > 1 else None,
            "recipes" if parts.n > 1 else "networks",
            settled,
        )


def adjusted(pairs: Iterable[Pair]) -> list[Pair]:
    """Return pairs with their p-values adjusted for how many of them there are, as those of a table are."""
    result = list(pairs)
    values = holm([1.0 if pair.p is None else pair.p for pair in result])
    return [
        pair if pair.p is None else replace(pair, p_holm=float(value), significant=bool(value <= LEVEL))
        for pair, value in zip(result, values, strict=True)
    ]


def _right_alone(covariances: Floats, parts: Components, images: int) -> tuple[Floats, Floats]:
    """Return of each pair of networks how many images each alone gets right, from the covariances of their 0 and 1."""
    own = np.diag(covariances)
    spread = own[parts.first] + own[parts.second] - 2 * covariances[parts.first, parts.second]
    either = np.round((spread + parts.difference**2) * images)
    more = np.round(parts.difference * images)
    return (either + more) / 2, (either - more) / 2
