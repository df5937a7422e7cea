"""What has a value for each image: a metric under one condition, or over several; and the seeds that are compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.corruption import NO_CORRUPTIONS, Corruptions
from harness.metrics.predictions import NotStoredError, Predictions
from harness.rows import ADVERSARIAL, CLEAN, Condition, by_family

BY_FAMILY = "corruption_error"
"""The metric whose mean over each family's perturbations is compared, too."""


@dataclass(frozen=True)
class Quantity:
    """A metric of test rows under a condition, or its mean over several: a degradation over severities.

    Of a corruption error each condition is one of `harness.metrics.corruption.Corruptions.named`; of several, those of
    a family's perturbations, it is their mean. A robust accuracy over several attacks is not a mean: an image counts
    that is right under each of them.
    """

    metric: str
    conditions: tuple[Condition, ...] = (CLEAN,)

    def needed(self, corruptions: Corruptions = NO_CORRUPTIONS) -> tuple[Condition, ...]:
        """Return the conditions besides CLEAN that a trial must have predictions under."""
        ratio = CATALOGUE[self.metric].ratio
        if ratio is None:
            return self.conditions
        return tuple(each for condition in self.conditions for each in corruptions.conditions(ratio, condition))

    def values(
        self,
        predictions: Mapping[Condition, Predictions],
        corruptions: Corruptions = NO_CORRUPTIONS,
        reference: Mapping[Condition, Predictions] | None = None,
    ) -> NDArray[Any] | None:
        """Return its value for each image, (rows,), from predictions under each condition, CLEAN among them.

        Their mean is the metric. They are bool where each is right or wrong. None where something is not stored.
        ``reference``: the predictions of the baseline's network of the same seed.
        """
        record = CATALOGUE[self.metric]
        try:
            if record.ratio:
                about = (predictions, reference or {})
                each = [corruptions.values(record.ratio, condition, *about) for condition in self.conditions]
                return each[0] if len(each) == 1 else np.mean(each, axis=0)
            if record.per_image_over:
                return record.per_image_over(predictions[CLEAN], [predictions[each] for each in self.conditions])
            return record.per_image(predictions[self.conditions[0]]) if record.per_image else None
        except (NotStoredError, KeyError):
            return None


def of_families(conditions: Iterable[Condition], families: Mapping[str, str]) -> list[tuple[Condition, ...]]:
    """Return conditions of one severity a perturbation, those of a family's perturbations together."""
    known = {condition.perturbation or "": condition for condition in conditions}
    return [tuple(known[name] for name in names) for names in by_family(known, families).values()]


def worst_cases(attacked: Iterable[Condition]) -> list[tuple[Condition, ...]]:
    """Return, by severity, the conditions of attacks where several share it: an image is to withstand all of them.

    >>> worst_cases([Condition("fgsm", 0.1), Condition("pgd", 0.05), Condition("pgd", 0.1)])
    [(Condition(perturbation='fgsm', severity=0.1), Condition(perturbation='pgd', severity=0.1))]
    """
    by_severity: dict[float, list[Condition]] = {}
    for condition in attacked:
        by_severity.setdefault(condition.severity, []).append(condition)
    return [tuple(each) for _, each in sorted(by_severity.items()) if len(each) > 1]


def quantities(
    severities: Mapping[str, Iterable[float]],
    corruptions: Corruptions = NO_CORRUPTIONS,
    families: Mapping[str, str] | None = None,
) -> list[Quantity]:
    """Return every quantity of a run with these severities by perturbation; 0 is the clean images once more.

    ``families``: of each perturbation that has one.
    """
    families = families or {}
    noisy = {
        name: tuple(Condition(name, severity) for severity in sorted(set(values)) if severity > 0)
        for name, values in severities.items()
    }
    single = [CLEAN, *(condition for conditions in noisy.values() for condition in conditions)]
    needed = []
    for name, record in CATALOGUE.items():
        if record.ratio:
            named = corruptions.named(record.ratio)
            needed += [Quantity(name, (condition,)) for condition in named]
            if name == BY_FAMILY and len(named) > 1:
                needed += [Quantity(name, each) for each in of_families(named, families) if len(each) > 1]
        elif record.attacked:
            attacked = [each for each in single[1:] if families.get(each.perturbation or "") == ADVERSARIAL]
            needed += [Quantity(name, (condition,)) for condition in attacked]
            needed += [Quantity(name, each) for each in worst_cases(attacked)]
        elif record.per_image_over:
            needed += [Quantity(name, (condition,)) for condition in single[1:]]
            needed += [Quantity(name, conditions) for conditions in noisy.values() if len(conditions) > 1]
        elif record.of_test and record.per_image:
            needed += [Quantity(name, (condition,)) for condition in single]
    return needed


_FEWEST = 2
"""Seeds that say how much seeds differ."""


def shared_seeds(seeds: Mapping[str, Collection[int]]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the experiments that are compared, and the seeds that they are compared over, from those that each has.

    All experiments over the seeds that all have, if these are at least two. Else as many experiments as have two in
    common; where no two experiments have, those of the seed that most have.

    >>> shared_seeds({"A": [1, 2, 3], "B": [3, 1]})
    (('A', 'B'), (1, 3))
    >>> shared_seeds({"A": [1, 2, 3], "B": [2, 3], "C": [3]})
    (('A', 'B'), (2, 3))
    >>> shared_seeds({"A": [1, 2], "B": [2]})
    (('A', 'B'), (2,))
    """
    having = {name: frozenset(each) for name, each in seeds.items() if each}
    order = sorted(having, key=lambda name: -len(having[name]))  # sorted() keeps the order of equal ones
    starts = sorted({each for each in having.values() if len(each) >= _FEWEST}, key=sorted)
    sharing = [_sharing(start, order, having) for start in starts]
    kept, common = max(sharing, key=lambda group: (len(group[0]), len(group[1])), default=([], frozenset()))
    if len(kept) < min(len(having), _FEWEST):
        every = sorted(frozenset[int]().union(*having.values()))
        most = max(every, key=lambda seed: sum(seed in each for each in having.values()))
        kept, common = [name for name in having if most in having[name]], frozenset({most})
    return tuple(name for name in seeds if name in kept), tuple(sorted(common))


def _sharing(
    start: frozenset[int], order: Iterable[str], having: Mapping[str, frozenset[int]]
) -> tuple[list[str], frozenset[int]]:
    """Return experiments with two seeds in common, one after the other where they leave two, and these seeds."""
    kept, common = [], start
    for name in order:
        shared = common & having[name]
        if len(shared) >= _FEWEST:
            kept.append(name)
            common = shared
    return kept, common
