"""Trained networks on the test rows, clean and perturbed: every network sees the same bits."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError
from harness.interfaces import DataKind, Network, Perturb, SweepingPerturb, Victim, implements
from harness.metrics.catalogue import computed_names, of_predictions
from harness.metrics.predictions import OF_IMAGES, TOP, Predictions, has_likeliest, of_conditions
from harness.plugins.perturbations import is_attack
from harness.rows import Condition, Measure
from harness.seeding import generator
from harness.trial.attacks import TestedNetwork
from harness.trial.gallery import Album
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


Attacked = Callable[[Victim], Features]
"""Makes the images of an attack's severity on a network or an ensemble."""


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
) -> list[dict[str, NDArray[Any]]]:
    """Return each network's predictions of the test rows, as `Evaluated.predictions` describes them.

    ``features`` are those that the networks were trained on: uint8 images, or float32 vectors. ``scaling``: of vectors
    that are not standardised; perturbations work on them as if they were. Each block of rows is read, and each
    condition's copy of it made, once for all networks; an attack makes one for each network. ``keepers``, one for each
    network or none, get the log-probabilities but for those under attack, block by block, and of each block condition
    by condition; ``albums`` get what is seen of attacks. ``without``: the perturbations that each network is not tested
    under; its predictions have no such condition.

    Raises:
        TrialError: a backend or a perturbation returned what its contract does not allow.
    """
    tables = [named.table for named in perturbations]
    asked = conditions(tables)
    lacking = without or [frozenset[str]()] * len(networks)
    truth = labels[rows]
    results = [_empty(rows, truth, len(conditions(tables, missing)), classes) for missing in lacking]
    for block, start in enumerate(range(0, len(rows), BLOCK)):
        part = slice(start, start + BLOCK)
        places = [count() for _ in networks]
        for condition, made in zip(
            asked, _perturbed(features[rows[part]], truth[part], block, perturbations, scaling), strict=True
        ):
            when = _spoken(condition)
            shared = isinstance(made, np.ndarray)
            for index, (network, result) in enumerate(zip(networks, results, strict=True)):
                if condition.perturbation in lacking[index]:
                    continue
                # All networks share what is not an attack's, and all perturbations the clean rows: none may write.
                given = read_only(made if isinstance(made, np.ndarray) else made(TestedNetwork(network)))
                returned = network.predict_images(given)
                predictions = read_predictions(returned, truth[part], classes, when, likeliest=True)
                if keepers and shared:
                    keepers[index].add(returned)
                if albums:
                    albums[index].see(start, given, predictions, attacked=not shared)
                _fill(result, next(places[index]), part, predictions)
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
    return result


def _fill(result: dict[str, NDArray[Any]], condition: int, part: slice, predictions: Predictions) -> None:
    for name in result.keys() - OF_IMAGES:
        result[name][condition, part] = predictions.arrays[name]


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
) -> list[Measure]:
    """Return the metrics of each condition, but for those of the perturbations that ``without`` names."""
    pairs = zip(conditions(perturbations, without), of_conditions(predictions, classes), strict=True)
    names = computed_names("test")
    return [Measure(*condition, of_predictions(names, under)) for condition, under in pairs]


def _spoken(condition: Condition) -> str:
    return f"under {condition.perturbation or 'no perturbation'} at severity {condition.severity}"


def as_given(features: NDArray[Any]) -> Features:
    """Return rows as networks are given them: images in [0, 1]."""
    given = features.astype(np.float32)
    if kind_of(features) == "image":
        given /= np.float32(255)
    return given


def _perturbed(
    features: NDArray[Any],
    labels: NDArray[np.int64],
    block: int,
    perturbations: Sequence[NamedPerturb],
    scaling: Scaling | None,
) -> Iterator[Features | Attacked]:
    """Yield the block's rows, as networks are given them, under each of `conditions`, or what makes them."""
    kind, given = kind_of(features), as_given(features)
    yield given
    clean = scaling.standardised(given) if scaling else given
    for named in perturbations:
        if is_attack(named.perturb):
            for severity in named.table.severities:
                yield partial(attacked, clean, labels, block, named, severity)
            continue
        for severity, perturbed in _severities(clean, block, named, kind):
            check_returned(perturbed, clean, kind, f"perturbation {named.table.perturbation!r} at severity {severity}")
            yield scaling.moved(given, clean, perturbed) if scaling else perturbed


def attacked(
    clean: Features, labels: NDArray[np.int64], block: int, named: NamedPerturb, severity: float, victim: Victim
) -> Features:
    """Return the images of an attack on a network or an ensemble; every one is attacked with the same draws.

    Raises:
        TrialError: the attack or the network returned what its contract does not allow.
    """
    name, seed = named.table.perturbation, named.table.seed
    about = {"victim": victim, "labels": labels.copy()} | dict(named.options)
    perturbed = named.perturb(clean.copy(), severity, generator(seed, name, block), **about)
    check_returned(perturbed, clean, "image", f"perturbation {name!r} at severity {severity}")
    return perturbed


def _severities(clean: Features, block: int, named: NamedPerturb, kind: DataKind) -> Iterator[tuple[float, Any]]:
    """Yield each severity with its rows; all share their draws, because each starts from the block's generator.

    Raises:
        TrialError: a sweep has more results than severities, or fewer.
    """
    table = named.table
    perturb: object = named.perturb
    name, severities, about = table.perturbation, tuple(table.severities), keywords(kind) | dict(named.options)
    if not implements(perturb, SweepingPerturb):
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
