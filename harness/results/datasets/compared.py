"""How contenders compare over datasets in one metric: who is ranked, on which datasets, and who is missing where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.metrics.over_datasets import OverDatasets, over_datasets, settled, share_of_wins, win_rate
from harness.metrics.statistic import Statistic
from harness.results.datasets.several import SeveralResults
from harness.results.leaderboard.rankings import Ranking, rankings


@dataclass(frozen=True)
class Compared:
    """Contenders over datasets in one ranking.

    ``values``: of each dataset, by contender, of those that are tested there. Ranks need every ranked contender on
    every dataset that counts. So that one that is missing somewhere changes no other's rank, it is not ranked; so that
    a dataset on which few are tested does not leave most of them out, it does not count unless half of them are.
    """

    key: str
    ranking: Ranking
    labels: list[str]
    values: Mapping[str, Mapping[str, Statistic]]

    @cached_property
    def tested(self) -> list[str]:
        """The contenders that are tested on a dataset, in the suite's order."""
        return list(dict.fromkeys(name for label in self.labels for name in self.values.get(label, {})))

    @cached_property
    def counting(self) -> list[str]:
        """The datasets over which contenders are ranked: at least half of the contenders are tested there."""
        return [label for label in self.labels if 2 * len(self.values.get(label, {})) >= max(len(self.tested), 1)]

    @cached_property
    def ranked(self) -> list[str]:
        """The contenders that are tested on every dataset that counts."""
        return [name for name in self.tested if self.counting and all(name in self.values[at] for at in self.counting)]

    def where(self, name: str) -> list[str]:
        """Return the datasets on which a contender is tested."""
        return [label for label in self.labels if name in self.values.get(label, {})]

    def goodness(self, label: str, name: str) -> float:
        """Return how good a contender is on a dataset: higher is better, and minus infinity what is no number."""
        return -self.ranking.badness(self.values[label][name])

    @cached_property
    def over(self) -> OverDatasets | None:
        """The comparison of the ranked contenders over the datasets that count; None where none is ranked."""
        if not self.ranked:
            return None
        return over_datasets([[self.goodness(label, name) for name in self.ranked] for label in self.counting])

    def wins(self, name: str) -> tuple[float, float, float] | None:
        """Return a contender's win rate over the ranked others, with its interval; None where there is no other.

        It is the mean over the datasets on which it is tested, among those that count.
        """
        others = [other for other in self.ranked if other != name]
        shares = [
            share_of_wins(*_apart(settled([self.goodness(label, each) for each in (name, *others)])))
            for label in self.counting
            if name in self.values[label] and others
        ]
        return win_rate(shares) if shares else None

    @cached_property
    def order(self) -> list[str]:
        """The ranked contenders by mean rank, then the others."""
        over = self.over
        means = dict(zip(self.ranked, over.mean_ranks.tolist(), strict=True)) if over else {}
        return [*sorted(means, key=lambda name: means[name]), *(name for name in self.tested if name not in means)]


def compared(several: SeveralResults) -> list[Compared]:
    """Return the comparisons over datasets: one of each ranking that a dataset has, that by accuracy first."""
    known: dict[str, Ranking] = {}
    values: dict[str, dict[str, dict[str, Statistic]]] = {}
    for label, results in several.results.items():
        for ranking in rankings(results):
            key = _key(ranking)
            known.setdefault(key, ranking)
            rows = {name: several.contender(label, name) for name in several.contenders}
            read = {name: ranking.test(experiment) for name, experiment in rows.items() if experiment}
            values.setdefault(key, {})[label] = {name: value for name, value in read.items() if value}
    return [Compared(key, ranking, several.labels, values[key]) for key, ranking in known.items()]


def _key(ranking: Ranking) -> str:
    """Return a ranking's key, which does not depend on what else a dataset is tested under."""
    if ranking.perturbation is None:
        return ranking.key
    return f"{ranking.metric.name}-{ranking.perturbation}"


def _apart(goodness: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    return float(goodness[0]), goodness[1:]
