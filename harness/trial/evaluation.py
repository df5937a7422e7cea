"""Trained networks on the test rows, clean and perturbed: every network sees the same bits."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError
from harness.interfaces import Network
from harness.metrics.computed import computed_names, of_predictions
from harness.metrics.predictions import OF_IMAGES, TOP, Predictions, has_likeliest, of_conditions
from harness.rows import Condition, Measure
from harness.trial.attacks import TestedNetwork
from harness.trial.blocks import block_rows
from harness.trial.gallery import Album
from harness.trial.inputs import read_only
from harness.trial.outputs import read_predictions
from harness.trial.perturbed import NamedPerturb, perturbed
from harness.trial.probabilities import Keeper, equally_likely
from harness.trial.robustness import Robustness, conditions
from harness.trial.scaling import Scaling


@dataclass(frozen=True)
class Tested:
    """A network's predictions of the test rows, as `harness.trial.specs.Evaluated.predictions` describes them.

    ``lost``: the perturbations that failed, each with the reason; the predictions have no condition of theirs.
    """

    predictions: dict[str, NDArray[Any]]
    lost: dict[str, str]

    def whole(self) -> dict[str, NDArray[Any]]:
        """Return the predictions.

        Raises:
            TrialError: a perturbation failed.
        """
        for reason in self.lost.values():
            raise TrialError(reason)
        return self.predictions


def evaluate(
    networks: Sequence[Network],
    features: NDArray[Any],
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    classes: int,
    perturbations: Sequence[NamedPerturb],
    scaling: Scaling | None = None,
    keepers: Sequence[Keeper] = (),
    albums: Sequence[Album] = (),
    without: Sequence[Collection[str]] = (),
) -> list[Tested]:
    """Return each network's predictions of the test rows.

    ``features`` are those that the networks were trained on: uint8 images, or float32 vectors. ``scaling``: of vectors
    that are not standardised; perturbations work on them as if they were. Each block of rows is read, and each
    condition's copy of it made, once for all networks; an attack makes one for each network. ``keepers``, one for each
    network or none, get the log-probabilities but for those under attack, block by block, and of each block condition
    by condition: equal probabilities where the perturbation failed. ``albums`` get what is seen of attacks.
    ``without``: the perturbations that each network is not tested under; its predictions have no such condition.

    Raises:
        TrialError: a backend returned what its contract does not allow.
    """
    tables = [named.table for named in perturbations]
    of_suite = conditions(tables)
    lacking = without or [frozenset[str]()] * len(networks)
    truth = labels[rows]
    collected = [_empty(rows, truth, len(conditions(tables, missing)), classes) for missing in lacking]
    lost_to_all: dict[str, str] = {}
    lost: list[dict[str, str]] = [{} for _ in networks]
    size = block_rows(features.shape[1:])
    for block, start in enumerate(range(0, len(rows), size)):
        part = slice(start, start + size)
        places = [count() for _ in networks]
        copies = perturbed(features[rows[part]], truth[part], block, perturbations, scaling, lost_to_all)
        for condition, copy in zip(of_suite, copies, strict=True):
            when = _spoken(condition)
            shared = copy is None or isinstance(copy, np.ndarray)
            for index, (network, arrays) in enumerate(zip(networks, collected, strict=True)):
                if condition.perturbation in lacking[index]:
                    continue
                place = next(places[index])
                images = copy(TestedNetwork(network), lost[index]) if callable(copy) else copy
                if images is None:
                    if keepers and shared:
                        keepers[index].add(equally_likely(len(truth[part]), classes))
                    continue
                # All networks share what is not an attack's, and all perturbations the clean rows: none may write.
                given = read_only(images)
                returned = network.predict_images(given)
                predictions = read_predictions(returned, truth[part], classes, when, likeliest=True)
                if keepers and shared:
                    keepers[index].add(returned)
                if albums and not start and (not place or not shared):
                    albums[index].see(place, given, predictions)
                _fill(arrays, place, part, predictions)
    return [
        _tested(arrays, lost_to_all | lost[index], conditions(tables, lacking[index]), albums[index : index + 1])
        for index, arrays in enumerate(collected)
    ]


def _tested(
    predictions: dict[str, NDArray[Any]], lost: dict[str, str], under: Sequence[Condition], albums: Sequence[Album]
) -> Tested:
    """Return predictions ``under`` some conditions without those of perturbations that are lost, as in the albums."""
    names = {condition.perturbation for condition in under}
    lost = {name: why for name, why in lost.items() if name in names}
    measured = [condition.perturbation not in lost for condition in under]
    for album in albums:
        album.keep(measured)
    return Tested(kept(predictions, measured), lost)


def kept(predictions: dict[str, NDArray[Any]], measured: Sequence[bool]) -> dict[str, NDArray[Any]]:
    """Return predictions under the conditions that were measured."""
    if all(measured):
        return predictions
    mask = np.array(measured)
    return {name: each if name in OF_IMAGES else each[mask] for name, each in predictions.items()}


def gathered(
    blocks: Iterator[NDArray[np.float32]],
    sizes: Sequence[int],
    truth: NDArray[np.int64],
    rows: NDArray[np.int64],
    classes: int,
    count: int,
) -> dict[str, NDArray[Any]]:
    """Return predictions as `evaluate` does from log-probabilities in the order that keepers get them in.

    ``sizes``: the rows of each block. ``truth`` and ``rows`` (test rows,); ``count``: how many conditions there are.

    Raises:
        TrialError: they are not log-probabilities.
    """
    arrays = _empty(rows, truth, count, classes)
    stop = 0
    for block, size in enumerate(sizes):
        part = slice(stop, stop := stop + size)
        for condition in range(count):
            values = next(blocks)
            when = f"in block {block}, condition {condition}"
            _fill(arrays, condition, part, read_predictions(values, truth[part], classes, when, likeliest=True))
    return arrays


def _fill(arrays: dict[str, NDArray[Any]], condition: int, part: slice, predictions: Predictions) -> None:
    for name in arrays.keys() - OF_IMAGES:
        arrays[name][condition, part] = predictions.arrays[name]


def _empty(rows: NDArray[np.int64], truth: NDArray[np.int64], conditions: int, classes: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of `Evaluated.predictions`, to be filled."""
    table = (conditions, len(rows))
    arrays: dict[str, NDArray[Any]] = {
        "rows": rows,
        "labels": truth,
        "predicted": np.empty(table, dtype=np.int64),
        "log_probability": np.empty(table, dtype=np.float32),
        "confidence": np.empty(table, dtype=np.float32),
    }
    return arrays | {"likeliest": np.empty((*table, TOP), dtype=np.uint16)} if has_likeliest(classes) else arrays


def measures(
    predictions: dict[str, NDArray[Any]],
    perturbations: Sequence[Robustness],
    classes: int,
    without: Collection[str] = (),
    attacks: Collection[str] = (),
) -> list[Measure]:
    """Return the metrics of each condition, but for those of the perturbations that ``without`` names.

    ``attacks``: the perturbations under which networks have metrics of attacked images, too.
    """
    predicted = of_conditions(predictions, classes)
    return [
        Measure(
            *condition,
            of_predictions(computed_names("test", attacked=condition.perturbation in attacks), under, predicted[0]),
        )
        for condition, under in zip(conditions(perturbations, without), predicted, strict=True)
    ]


def _spoken(condition: Condition) -> str:
    return f"under {condition.perturbation or 'no perturbation'} at severity {condition.severity}"
