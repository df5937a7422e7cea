"""Trained networks on the test rows, clean and perturbed: every network sees the same bits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import metrics
from harness.errors import TrialError
from harness.interfaces import DataKind, Network, Perturb, SweepingPerturb
from harness.metrics.catalogue import computed_names, of_predictions
from harness.metrics.predictions import OF_IMAGES, TOP, Predictions, has_likeliest, of_conditions
from harness.rows import Condition, Measure
from harness.seeding import generator
from harness.trial.inputs import read_only
from harness.trial.outputs import read_predictions
from harness.trial.perturbing import Features, check_returned, keywords, kind_of
from harness.trial.probabilities import Keeper
from harness.trial.robustness import Robustness, conditions
from harness.trial.scaling import Scaling

BLOCK = 4096
"""Test rows perturbed at a time; a block has its own generator, so that it is part of what a perturbation draws."""


@dataclass(frozen=True)
class NamedPerturb:
    """A perturbation with what the suite says of it."""

    table: Robustness
    perturb: Perturb
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those of the table, as the perturbation takes them."""


def evaluate(
    networks: Sequence[Network],
    features: NDArray[Any],
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    classes: int,
    perturbations: Sequence[NamedPerturb],
    scaling: Scaling | None = None,
    keepers: Sequence[Keeper] = (),
) -> list[dict[str, NDArray[Any]]]:
    """Return each network's predictions of the test rows, as `Evaluated.predictions` describes them.

    ``features`` are those that the networks were trained on: uint8 images, or float32 vectors. ``scaling``: of vectors
    that are not standardised; perturbations work on them as if they were. Each block of rows is read, and each
    condition's copy of it made, once for all networks. ``keepers``, one for each network or none, get the
    log-probabilities block by block, and of each block condition by condition.

    Raises:
        TrialError: a backend or a perturbation returned what its contract does not allow.
    """
    asked = conditions([named.table for named in perturbations])
    count = len(asked)
    truth = labels[rows]
    results = [_empty(rows, truth, count, classes) for _ in networks]
    for block, start in enumerate(range(0, len(rows), BLOCK)):
        part = slice(start, start + BLOCK)
        for condition, perturbed in enumerate(_perturbed(features[rows[part]], block, perturbations, scaling)):
            given = read_only(perturbed)  # all networks and, of the clean rows, all perturbations share it
            when = _spoken(asked[condition])
            for index, (network, result) in enumerate(zip(networks, results, strict=True)):
                returned = network.predict_images(given)
                predictions = read_predictions(returned, truth[part], classes, when, likeliest=True)
                if keepers:
                    keepers[index].add(returned)
                _fill(result, condition, part, predictions)
    for result in results:
        result["confusion"] = _confusions(result, truth, classes)
    return results


def gathered(
    blocks: Iterator[NDArray[np.float32]], truth: NDArray[np.int64], rows: NDArray[np.int64], classes: int, count: int
) -> dict[str, NDArray[Any]]:
    """Return predictions as `evaluate` does from log-probabilities in the order that keepers get them in.

    ``truth`` and ``rows`` (test rows,); ``count``: how many conditions there are.

    Raises:
        TrialError: they are not log-probabilities.
    """
    result = _empty(rows, truth, count, classes)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        for condition in range(count):
            values = next(blocks)
            when = f"in block {start // BLOCK}, condition {condition}"
            _fill(result, condition, part, read_predictions(values, truth[part], classes, when, likeliest=True))
    result["confusion"] = _confusions(result, truth, classes)
    return result


def _fill(result: dict[str, NDArray[Any]], condition: int, part: slice, predictions: Predictions) -> None:
    for name in result.keys() - OF_IMAGES:
        result[name][condition, part] = predictions.arrays[name]


def _confusions(result: dict[str, NDArray[Any]], truth: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    return np.stack([metrics.confusion_matrix(truth, predicted, classes) for predicted in result["predicted"]])


def _empty(rows: NDArray[np.int64], truth: NDArray[np.int64], conditions: int, classes: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of `Evaluated.predictions`, but for the confusion, to be filled."""
    table = (conditions, len(rows))
    arrays: dict[str, NDArray[Any]] = {
        "rows": rows,
        "labels": truth,
        "predicted": np.empty(table, dtype=np.int64),
        "log_probability": np.empty(table, dtype=np.float32),
        "confidence": np.empty(table, dtype=np.float32),
    }
    return arrays | {"likeliest": np.empty((*table, TOP), dtype=np.uint16)} if has_likeliest(classes) else arrays


def measures(predictions: dict[str, NDArray[Any]], perturbations: Sequence[Robustness]) -> list[Measure]:
    """Return the metrics of each condition."""
    pairs = zip(conditions(perturbations), of_conditions(predictions), strict=True)
    names = computed_names("test")
    return [Measure(*condition, of_predictions(names, under)) for condition, under in pairs]


def _spoken(condition: Condition) -> str:
    return f"under {condition.perturbation or 'no perturbation'} at severity {condition.severity}"


def _perturbed(
    features: NDArray[Any], block: int, perturbations: Sequence[NamedPerturb], scaling: Scaling | None
) -> Iterator[Features]:
    """Yield the block's rows, as networks are given them, under each of `conditions`."""
    kind = kind_of(features)
    given = features.astype(np.float32)
    if kind == "image":
        given /= np.float32(255)
    yield given
    clean = scaling.standardised(given) if scaling else given
    for named in perturbations:
        for severity, perturbed in _severities(clean, block, named, kind):
            check_returned(perturbed, clean, kind, f"perturbation {named.table.perturbation!r} at severity {severity}")
            yield scaling.moved(given, clean, perturbed) if scaling else perturbed


def _severities(clean: Features, block: int, named: NamedPerturb, kind: DataKind) -> Iterator[tuple[float, Any]]:
    """Yield each severity with its rows; all share their draws, because each starts from the block's generator.

    Raises:
        TrialError: a sweep has more results than severities, or fewer.
    """
    table = named.table
    perturb: object = named.perturb
    name, severities, about = table.perturbation, tuple(table.severities), keywords(kind) | dict(named.options)
    if not isinstance(perturb, SweepingPerturb):
        for severity in severities:
            yield severity, named.perturb(clean.copy(), severity, generator(table.seed, name, block), **about)
        return
    # A copy here too: a sweep that writes into its input would harm the perturbations after it.
    swept = perturb.sweep(clean.copy(), severities, generator(table.seed, name, block), **about)
    missing = object()
    for position, perturbed in enumerate(chain(swept, repeat(missing))):
        done = position == len(severities)
        if done and perturbed is missing:
            return
        if done or perturbed is missing:
            msg = (
                f"perturbation {name!r}: its sweep over the severities {list(severities)} yielded "
                f"{f'more than {position}' if done else position}; the contract says one for each"
            )
            raise TrialError(msg)
        yield severities[position], perturbed
