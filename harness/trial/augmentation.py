"""Augmentation: perturbations in training, made on the host, so that every backend trains on the same bits."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from harness.interfaces import Batch, Perturb
from harness.plugins.loading import Registry
from harness.plugins.perturbations import IN_AUGMENT, perturbation_options
from harness.seeding import generator
from harness.settings import Name, NotNegative, Table
from harness.trial.inputs import Inputs, as_given, read_only
from harness.trial.perturbing import check_returned, keywords, kind_of


class Augmentation(Table):
    """An entry of ``augment``: a perturbation, its severity, the probability that a row gets it, and its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    perturbation: Name
    severity: NotNegative
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0

    @property
    def options(self) -> dict[str, Any]:
        """The perturbation's options."""
        return dict(self.model_extra or {})


@dataclass(frozen=True)
class NamedAugmentation:
    """An augmentation with its perturbation."""

    table: Augmentation
    perturb: Perturb
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those of the table, as the perturbation takes them."""


class Augmenter:
    """Makes the augmented batches of a trial, one augmentation after the other.

    What is drawn depends on the trial's seed, the epoch, the step and the augmentation's position alone.
    """

    def __init__(self, inputs: Inputs, augmentations: Sequence[NamedAugmentation], batch_size: int, seed: int) -> None:
        self._inputs = inputs
        self._augmentations = augmentations
        self._batch_size = batch_size
        self._seed = seed

    def epoch(self, epoch: int, order: NDArray[np.int64]) -> "Batches":
        """Return the batches of an epoch (from 0) that visits the rows in this order."""
        starts = range(0, len(order), self._batch_size)
        return Batches(self, epoch, [order[start : start + self._batch_size] for start in starts])

    def batch(self, epoch: int, step: int, rows: NDArray[np.int64]) -> Batch:
        """Return the augmented features (n, *shape) of some rows (n,), and their labels (n,), both read-only.

        Raises:
            TrialError: a perturbation returned what its contract does not allow.
        """
        data, scaling = self._inputs.rows, self._inputs.scaling
        kind = kind_of(data.features)
        given = as_given(data.features[rows])
        clean = scaling.standardised(given) if scaling else given
        features = clean.copy() if scaling else given
        for position, named in enumerate(self._augmentations):
            key = ("augment", epoch, step, position)
            self._augment(features, named, key, keywords(kind))
        features = scaling.moved(given, clean, features) if scaling else features
        return read_only(features), read_only(data.labels[rows])

    def _augment(
        self, features: NDArray[np.float32], named: NamedAugmentation, key: tuple[Any, ...], about: dict[str, Any]
    ) -> None:
        """Perturb some of the rows in place."""
        table = named.table
        chosen: NDArray[np.intp] = np.arange(len(features))
        if table.probability < 1:
            drawn = generator(self._seed, *key, "rows").random(len(features))
            chosen = np.flatnonzero(drawn < table.probability)
        if not chosen.size:
            return
        clean = features[chosen]
        perturbed = named.perturb(
            clean.copy(), table.severity, generator(self._seed, *key, table.perturbation), **about, **named.options
        )
        who = f"augmentation: perturbation {table.perturbation!r} at severity {table.severity}"
        check_returned(perturbed, clean, about.get("kind", "image"), who)
        features[chosen] = perturbed


def augmenter_of(
    tables: Sequence[Augmentation], inputs: Inputs, batch_size: int, seed: int, registry: Registry, directory: Path
) -> Augmenter | None:
    """Return what makes the batches of a trial with augmentations, None without.

    ``directory``: against which paths in options resolve.
    """
    pairs = [(table, registry.find("perturbation", table.perturbation)) for table in tables]
    named = [
        NamedAugmentation(
            table, component.load(), perturbation_options(component, table.options, directory, IN_AUGMENT)
        )
        for table, component in pairs
    ]
    return Augmenter(inputs, named, batch_size, seed) if named else None


class Batches:
    """An epoch's augmented batches, to be taken once: a thread makes the next one while the caller uses the last."""

    def __init__(self, augmenter: Augmenter, epoch: int, rows: Sequence[NDArray[np.int64]]) -> None:
        self._augmenter = augmenter
        self._epoch = epoch
        self._rows = rows
        self.taken = 0
        """How many the caller has taken."""
        self.waited = 0.0
        """Seconds for which the caller has waited for a batch."""

    def __len__(self) -> int:
        """Return how many batches there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches; an error of the thread is raised where its batch is asked for."""
        with ThreadPoolExecutor(1, thread_name_prefix="augment") as thread:
            steps = [(self._epoch, step, rows) for step, rows in enumerate(self._rows)]
            coming = thread.submit(self._augmenter.batch, *steps[0])
            for following in [*steps[1:], None]:
                started = perf_counter()
                batch = coming.result()
                self.waited += perf_counter() - started
                if following:
                    coming = thread.submit(self._augmenter.batch, *following)
                self.taken += 1
                yield batch
