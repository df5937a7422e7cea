"""Sums of products over experiments and seeds, made from stored predictions that are read once, one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.corruption import Corruptions
from harness.metrics.crossed import Summation, Sums
from harness.metrics.predictions import Predictions, of_conditions
from harness.metrics.quantities import Quantity, shared_seeds
from harness.rows import CLEAN, Condition, TrialRow
from harness.store.run import Run
from harness.store.stored import Stored

_MOST_BYTES = 3 << 28
"""What the values in memory take at most: those of more quantities are made one part after the other."""

Available = dict[str, set[int]]
"""Experiments, and the seeds of those of their trials that have a value."""


@dataclass(frozen=True, eq=False)
class Crossed:
    """The sums of a quantity over the experiments and seeds that have it.

    ``proportion``: each image is right or wrong.
    """

    experiments: tuple[str, ...]
    seeds: tuple[int, ...]
    sums: Sums
    proportion: bool


def crossed_sums(
    places: Mapping[str, tuple[Run, str]],
    having: Mapping[Quantity, Mapping[str, Iterable[int]]],
    corruptions: Mapping[str, Corruptions],
) -> dict[Quantity, Crossed]:
    """Return the sums of quantities over the experiments and seeds that share them; of a quantity without any, none.

    ``places``: the run that each experiment is in, and its name there. ``having``: the seeds of each experiment's
    trials that should have a quantity; one whose predictions are missing, damaged, or of other images has no part.
    ``corruptions``: what each experiment's corruption errors are relative to in its run.
    """
    due = {quantity: {name: set(seeds) for name, seeds in each.items()} for quantity, each in having.items()}
    images = max((run.dataset.sizes["test"] for run, _ in places.values()), default=0)
    reader = _Reader(places, corruptions)
    crossed: dict[Quantity, Crossed] = {}
    while due:
        parts: dict[tuple[tuple[str, ...], tuple[int, ...]], list[Quantity]] = {}
        for quantity, available in due.items():
            names, seeds = shared_seeds(available)
            if names:
                parts.setdefault((names, seeds), []).append(quantity)
        again: dict[Quantity, Available] = {}
        for (names, seeds), together in parts.items():
            size = max(1, _MOST_BYTES // max(2 * len(names) * images * np.dtype(np.float32).itemsize, 1))
            for start in range(0, len(together), size):
                made, missing = _summed(reader, names, seeds, together[start : start + size])
                crossed |= made
                for quantity, name, seed in missing:
                    due[quantity][name].discard(seed)
                    again[quantity] = due[quantity]
        due = again
    return {quantity: crossed[quantity] for quantity in having if quantity in crossed}


def having(trials: Iterable[TrialRow], quantity: Quantity, corruptions: Corruptions) -> Available:
    """Return the seeds of each experiment's trials that were measured under a quantity's conditions."""
    seeds_by: Available = {}
    needed = {CLEAN, *quantity.needed(corruptions)}
    seeds = corruptions.reference if CATALOGUE[quantity.metric].ratio else None
    for row in trials:
        measures = row.evaluation.measures if row.evaluation else []
        if needed <= {measure.condition for measure in measures} and (seeds is None or row.seed in seeds):
            seeds_by.setdefault(row.experiment, set()).add(row.seed)
    return seeds_by


def _summed(
    reader: "_Reader", names: Sequence[str], seeds: Sequence[int], together: Sequence[Quantity]
) -> tuple[dict[Quantity, Crossed], set[tuple[Quantity, str, int]]]:
    """Return the sums of some quantities over experiments and seeds, and where they are missing: those have no sums."""
    summations = {quantity: Summation(len(names)) for quantity in together}
    proportions: dict[Quantity, bool] = {}
    missing: set[tuple[Quantity, str, int]] = set()
    lacking: set[Quantity] = set()
    for seed in seeds:
        for name in names:
            predictions = reader.read(name, seed)
            for quantity, summation in summations.items():
                values = None if predictions is None else reader.values(quantity, predictions, name, seed)
                if values is None:
                    missing.add((quantity, name, seed))
                    lacking.add(quantity)
                elif quantity not in lacking:
                    summation.add(values)
                    proportions[quantity] = values.dtype == np.bool_
    return {
        quantity: Crossed(tuple(names), tuple(seeds), summation.sums(), proportions[quantity])
        for quantity, summation in summations.items()
        if quantity not in lacking
    }, missing


class _Reader:
    """Reads trials' predictions, all of the same images."""

    def __init__(self, places: Mapping[str, tuple[Run, str]], corruptions: Mapping[str, Corruptions]) -> None:
        self._places, self._corruptions = places, corruptions
        self._images: NDArray[Any] | None = None
        self._reference: tuple[tuple[Run, str, int] | None, dict[Condition, Predictions] | None] = (None, None)

    def values(
        self, quantity: Quantity, predictions: Mapping[Condition, Predictions], name: str, seed: int
    ) -> NDArray[Any] | None:
        """Return a quantity of each image from a trial's predictions, and the baseline's where it is relative."""
        if CATALOGUE[quantity.metric].ratio is None:
            return quantity.values(predictions)
        corruptions = self._corruptions[name]
        run, _ = self._places[name]
        place = run, corruptions.baseline, seed
        if self._reference[0] != place:
            self._reference = place, self._read(*place)
        return quantity.values(predictions, corruptions, self._reference[1])

    def read(self, name: str, seed: int) -> dict[Condition, Predictions] | None:
        """Return a trial's predictions under each condition; None where they are missing, damaged, of other images."""
        return self._read(*self._places[name], seed)

    def _read(self, run: Run, experiment: str, seed: int) -> dict[Condition, Predictions] | None:
        try:
            stored = run.read(experiment, seed)
            if not isinstance(stored, Stored) or stored.row.evaluation is None:
                return None
            arrays = run.arrays(experiment, seed, "evaluation.npz")
            images, predictions = arrays["rows"], of_conditions(arrays, len(run.dataset.class_names))
            conditions = [measure.condition for measure in stored.row.evaluation.measures]
            # The first of equal conditions counts.
            by_condition = dict(zip(reversed(conditions), reversed(predictions), strict=True))
        except (HarnessError, LookupError, ValueError, TypeError):
            return None
        if self._images is None:
            self._images = images
        return by_condition if np.array_equal(images, self._images) else None
