"""``sums.npz`` of a run: sums of products of its test predictions, from which every table compares experiments.

They are made when a run ends, or when a table first needs them, and made again where they are missing, damaged, or of
other trials than the run has now. No table reads predictions otherwise.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_jsonable_python

from harness.errors import HarnessError
from harness.machine.files import checksum
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.crossed import Summation, Sums
from harness.metrics.predictions import Predictions, of_conditions
from harness.metrics.quantities import Quantity, quantities, shared_seeds
from harness.rows import CLEAN, Condition, TrialRow
from harness.store.run import Run
from harness.store.sealed import read_sealed, write_sealed
from harness.store.stored import Stored
from harness.suite.finalists import tested

NAME = "sums.npz"
_FORMAT = 1
_MOST_BYTES = 1 << 29
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


def read_sums(run: Run, rows: Sequence[TrialRow]) -> dict[Quantity, Crossed]:
    """Return the sums of a run's tested trials, those of ``rows``, as stored or made again.

    A trial whose predictions are missing or damaged has no part in them; a quantity that no trial has is not there.
    """
    trials = [row for row in tested(run.suite, rows) if row.evaluation]
    owner = _owner(run, trials)
    stored = read_sealed(run.directory / NAME, owner)
    found = None if stored is None else _unpacked(stored)
    if found is None:
        found = _made(run, trials)
        with suppress(OSError):  # a run that may be read alone has tables too
            write_sealed(run.directory / NAME, _packed(found), owner)
    return found


def _owner(run: Run, trials: Sequence[TrialRow]) -> str:
    """Return a digest of what sums are made from: the trials as measured, the conditions, the catalogue."""
    measured = [
        [row.experiment, row.seed, row.fingerprint, evaluation.fingerprint, evaluation.measures]
        for row in trials
        if (evaluation := row.evaluation)
    ]
    return checksum([_FORMAT, sorted(CATALOGUE), _severities(run), to_jsonable_python(measured)])


def _made(run: Run, trials: Sequence[TrialRow]) -> dict[Quantity, Crossed]:
    """Return the sums, made from the trials' stored predictions."""
    asked = quantities(_severities(run))
    due = {quantity: _available(trials, quantity) for quantity in asked}
    reader = _Reader(run)
    found: dict[Quantity, Crossed] = {}
    while due:
        parts: dict[tuple[tuple[str, ...], tuple[int, ...]], list[Quantity]] = {}
        for quantity, available in due.items():
            names, seeds = shared_seeds(available)
            if names:
                parts.setdefault((names, seeds), []).append(quantity)
        again: dict[Quantity, Available] = {}
        for (names, seeds), together in parts.items():
            values_bytes = 2 * len(names) * run.dataset.sizes["test"] * np.dtype(np.float32).itemsize
            size = max(1, _MOST_BYTES // max(values_bytes, 1))
            for start in range(0, len(together), size):
                made, missing = _summed(reader, names, seeds, together[start : start + size])
                found |= made
                for quantity, name, seed in missing:
                    due[quantity][name].discard(seed)
                    again[quantity] = due[quantity]
        due = again
    return {quantity: found[quantity] for quantity in asked if quantity in found}


def _severities(run: Run) -> dict[str, list[float]]:
    """Return the severities that the suite asks for, by perturbation."""
    asked: dict[str, list[float]] = {}
    for table in run.suite.robustness:
        asked.setdefault(table.perturbation, []).extend(table.severities)
    return asked


def _available(trials: Sequence[TrialRow], quantity: Quantity) -> Available:
    found: Available = {}
    for row in trials:
        measures = row.evaluation.measures if row.evaluation else []
        if {CLEAN, *quantity.conditions} <= {measure.condition for measure in measures}:
            found.setdefault(row.experiment, set()).add(row.seed)
    return found


def _summed(
    reader: "_Reader", names: Sequence[str], seeds: Sequence[int], together: Sequence[Quantity]
) -> tuple[dict[Quantity, Crossed], set[tuple[Quantity, str, int]]]:
    """Return the sums of some quantities over experiments and seeds, and where they are missing: those have no sums."""
    summations = {quantity: Summation(len(names)) for quantity in together}
    proportions: dict[Quantity, bool] = {}
    missing: set[tuple[Quantity, str, int]] = set()
    for seed in seeds:
        for name in names:
            predictions = reader.read(name, seed)
            for quantity, summation in summations.items():
                values = None if predictions is None else quantity.values(predictions)
                if values is None:
                    missing.add((quantity, name, seed))
                elif not any(lacking is quantity for lacking, _, _ in missing):
                    summation.add(values)
                    proportions[quantity] = values.dtype == np.bool_
    lacking = {quantity for quantity, _, _ in missing}
    return {
        quantity: Crossed(tuple(names), tuple(seeds), summation.sums(), proportions[quantity])
        for quantity, summation in summations.items()
        if quantity not in lacking
    }, missing


class _Reader:
    """Reads trials' predictions, all of the same images."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._images: NDArray[Any] | None = None

    def read(self, experiment: str, seed: int) -> dict[Condition, Predictions] | None:
        """Return a trial's predictions under each condition; None where they are missing, damaged, of other images."""
        stored = self._run.read(experiment, seed)
        if not isinstance(stored, Stored) or stored.row.evaluation is None:
            return None
        try:
            arrays = self._run.arrays(experiment, seed, "evaluation.npz")
            images, predictions = arrays["rows"], of_conditions(arrays)
            conditions = [measure.condition for measure in stored.row.evaluation.measures]
            found = dict(
                zip(reversed(conditions), reversed(predictions), strict=True)
            )  # the first of equal ones counts
        except (HarnessError, LookupError, ValueError, TypeError):
            return None
        if self._images is None:
            self._images = images
        return found if np.array_equal(images, self._images) else None


def _packed(found: Mapping[Quantity, Crossed]) -> dict[str, NDArray[Any]]:
    """Return sums as plain arrays: what each is of as JSON, and its matrices by its position."""
    about = [
        [
            quantity.metric,
            quantity.conditions,
            crossed.experiments,
            crossed.seeds,
            crossed.sums.images,
            crossed.proportion,
        ]
        for quantity, crossed in found.items()
    ]
    content = {"about": np.array(json.dumps(about))}
    for place, crossed in enumerate(found.values()):
        for name in ("means", "within", "between"):
            content[f"{name}{place}"] = np.asarray(getattr(crossed.sums, name))
    return content


def _unpacked(content: Mapping[str, NDArray[Any]]) -> dict[Quantity, Crossed] | None:
    """Return the sums that were packed, None where the content is something else."""
    found: dict[Quantity, Crossed] = {}
    try:
        for place, (metric, conditions, names, seeds, images, proportion) in enumerate(
            json.loads(str(content["about"]))
        ):
            means, within, between = (content[f"{name}{place}"] for name in ("means", "within", "between"))
            shapes = [matrix.shape for matrix in (means, within, between)]
            if shapes != [(len(names), len(seeds)), (len(names),) * 2, (len(names),) * 2]:
                return None
            quantity = Quantity(metric, tuple(Condition(name, severity) for name, severity in conditions))
            sums = Sums(means, within, between, int(images))
            found[quantity] = Crossed(tuple(names), tuple(seeds), sums, bool(proportion))
    except (LookupError, ValueError, TypeError):
        return None
    return found
