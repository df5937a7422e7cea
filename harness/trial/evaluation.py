"""Trained networks on the test rows, clean and perturbed: every network sees the same bits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import metrics
from harness.errors import TrialError
from harness.interfaces import Network, Perturb, SweepingPerturb
from harness.metrics.catalogue import computed_names, of_predictions
from harness.metrics.predictions import OF_IMAGES, TOP, has_likeliest, of_conditions
from harness.rows import Condition, Measure
from harness.seeding import generator
from harness.trial.inputs import read_only
from harness.trial.outputs import read_predictions
from harness.trial.robustness import Robustness, conditions

BLOCK = 4096
"""Test rows perturbed at a time; a block has its own generator, so that it is part of what a perturbation draws."""

Images = NDArray[np.float32]


@dataclass(frozen=True)
class NamedPerturb:
    """A perturbation with what the suite says of it."""

    table: Robustness
    perturb: Perturb


def evaluate(
    networks: Sequence[Network],
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    classes: int,
    perturbations: Sequence[NamedPerturb],
) -> list[dict[str, NDArray[Any]]]:
    """Return each network's predictions of the test rows, as `Evaluated.predictions` describes them.

    Each block of images is read, and each condition's copy of it made, once for all networks.

    Raises:
        TrialError: a backend or a perturbation returned what its contract does not allow.
    """
    asked = conditions([named.table for named in perturbations])
    count = len(asked)
    truth = labels[rows]
    results = [_empty(rows, truth, count, classes) for _ in networks]
    for block, start in enumerate(range(0, len(rows), BLOCK)):
        part = slice(start, start + BLOCK)
        clean = images[rows[part]].astype(np.float32)
        clean /= np.float32(255)
        for condition, perturbed in enumerate(_perturbed(clean, block, perturbations)):
            given = read_only(perturbed)  # all networks and, of the clean images, all perturbations share it
            when = _spoken(asked[condition])
            for network, result in zip(networks, results, strict=True):
                returned = network.predict_images(given)
                predictions = read_predictions(returned, truth[part], classes, when, likeliest=True)
                for name in result.keys() - OF_IMAGES:
                    result[name][condition, part] = predictions.arrays[name]
    for result in results:
        result["confusion"] = np.stack([metrics.confusion_matrix(truth, p, classes) for p in result["predicted"]])
    return results


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


def _perturbed(clean: Images, block: int, perturbations: Sequence[NamedPerturb]) -> Iterator[Images]:
    """Yield the block's images under each of `conditions`."""
    yield clean
    for named in perturbations:
        for severity, images in _severities(clean, block, named):
            _check(images, clean, f"perturbation {named.table.perturbation!r} at severity {severity}")
            yield images


def _check(images: Any, clean: Images, who: str) -> None:
    """Refuse what a perturbation must not return.

    Raises:
        TrialError: it is no array of the shape and dtype of ``clean``, or has a value outside [0, 1].
    """
    if not isinstance(images, np.ndarray):
        msg = f"{who} returned {type(images).__name__}; the contract says float32 {clean.shape}"
        raise TrialError(msg)
    if images.shape != clean.shape or images.dtype != np.float32:
        msg = f"{who} returned {images.dtype} {images.shape}; the contract says float32 {clean.shape}"
        raise TrialError(msg)
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):  # a NaN fails this too
        msg = f"{who} returned the value {high if low >= 0 else low}; the contract says values in [0, 1]"
        raise TrialError(msg)


def _severities(clean: Images, block: int, named: NamedPerturb) -> Iterator[tuple[float, Any]]:
    """Yield each severity with its images; all share their draws, because each starts from the block's generator.

    Raises:
        TrialError: a sweep has more results than severities, or fewer.
    """
    table = named.table
    perturb: object = named.perturb
    name, severities = table.perturbation, tuple(table.severities)
    if not isinstance(perturb, SweepingPerturb):
        for severity in severities:
            yield severity, named.perturb(clean.copy(), severity, generator(table.seed, name, block))
        return
    # A copy here too: a sweep that writes into its input would harm the perturbations after it.
    swept = perturb.sweep(clean.copy(), severities, generator(table.seed, name, block))
    missing = object()
    for position, images in enumerate(chain(swept, repeat(missing))):
        done = position == len(severities)
        if done and images is missing:
            return
        if done or images is missing:
            msg = (
                f"perturbation {name!r}: its sweep over the severities {list(severities)} yielded "
                f"{f'more than {position}' if done else position}; the contract says one for each"
            )
            raise TrialError(msg)
        yield severities[position], images
