"""The row of a trial: what a run keeps of it, done or not."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Status = Literal["planned", "done", "failed", "timed out", "unavailable", "stale"]
"""``stale`` is never stored: a row of another split or recipe has it where the run's rows are read."""


class Condition(NamedTuple):
    """What test images are under: a perturbation at a severity."""

    perturbation: str | None
    severity: float


CLEAN = Condition(None, 0.0)
"""The images as they are."""
ALL = -1.0
"""The severity of what is over all severities of a perturbation that the suite asks for, as a corruption error is."""
ADVERSARIAL = "adversarial"
"""The family of perturbations that are made against the network that is tested."""


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of the history. Accuracies are fractions; ``val_loss`` is the mean cross-entropy in nats.

    ``train_loss`` is the mean of the loss that training minimises, cross-entropy unless the suite has another. It and
    ``train_accuracy`` are accumulated over the epoch's batches, in training mode, while the weights move.
    ``seconds`` is training alone, read after `Network.synchronize`; ``samples_per_second`` follows from it.
    """

    epoch: int  # from 1
    learning_rate: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    samples_per_second: float
    validation_seconds: float
    augmentation_seconds: float = 0.0
    """The part of ``seconds`` for which training waited for augmented batches."""


@dataclass(frozen=True)
class TrialMetrics:
    """What training ended with: the values of the epoch whose weights were kept.

    ``best_epoch`` (from 1) has the best monitored value, whether or not its weights were kept. ``seconds`` covers the
    epochs, training and validation; ``samples_per_second`` is the median of the epochs'. ``values``: the other
    metrics of validation rows, by their names in the catalogue; None where the predictions do not define one.
    """

    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    best_epoch: int
    epochs: int
    stopped_early: bool
    seconds: float
    samples_per_second: float
    peak_device_bytes: int | None = None
    augmentation_share: float | None = None
    """The share of the seconds of training spent waiting for augmented batches; None without augmentation."""
    values: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """Test metrics under one perturbation at one severity; ``perturbation`` is None for the clean images.

    ``values`` as in `TrialMetrics`, of test rows: ``{"test_accuracy": 0.97, …}``.
    """

    perturbation: str | None
    severity: float
    values: dict[str, float | None]

    @property
    def condition(self) -> Condition:
        """What it was measured under."""
        return Condition(self.perturbation, self.severity)


@dataclass(frozen=True)
class EvaluationRow:
    """A trained trial on the test rows: the clean measure first, then each perturbation's severities in order."""

    fingerprint: str
    measures: list[Measure]
    seconds: float
    environment: dict[str, str] = field(default_factory=dict)
    components: dict[str, str] = field(default_factory=dict)
    """Each perturbation, "perturbation gaussian_noise" -> "nn-harness 0.1.0"."""
    seeds: dict[str, list[int]] | None = None
    """The seeds that drew each perturbation, one for each of its tables; None in rows of an earlier version."""
    options: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The options of each perturbation that was given any, for each of its tables."""
    families: dict[str, str] = field(default_factory=dict)
    """The family of each perturbation that has one: ``"noise"``, ``"blur"``, …, `ADVERSARIAL`."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Each perturbation of the suite that this trial has no measures under, and why: one line."""


@dataclass(frozen=True)
class TrialRow:
    """One planned trial. ``metrics`` and ``history`` are there once it is done; ``evaluation`` once it is tested."""

    experiment: str
    seed: int
    group: str
    description: str
    status: Status
    fingerprint: str
    backend: str
    settings: dict[str, Any]
    """The experiment as resolved: hidden_layers, activation, optimizer, …"""
    parameters: int
    """Trainable parameters."""
    reason: str = ""
    """Why it is not done: one line, empty otherwise."""
    basis: dict[str, str] = field(default_factory=dict)
    """The digests of dataset and split, the precision, the plugin interface: what all trials of a suite share."""
    components: dict[str, str] = field(default_factory=dict)
    """Each plugin that took part, "backend numpy" -> "nn-harness 0.1.0"."""
    environment: dict[str, str] = field(default_factory=dict)
    anonymous_bytes: int | None = None
    """What its process held besides mapped files when training ended."""
    history: list[EpochRecord] = field(default_factory=list)
    metrics: TrialMetrics | None = None
    contended: str = ""
    """Why the times of its training are not to be ranked; empty where it had the machine to itself."""
    evaluation: EvaluationRow | None = None


def measure_of(row: TrialRow, condition: Condition) -> Measure | None:
    """Return a tested row's measure under a condition, None where it has none."""
    perturbation, severity = condition
    for measure in row.evaluation.measures if row.evaluation else ():
        if measure.severity == severity and measure.perturbation == perturbation:
            return measure
    return None


def families_of(rows: Iterable[TrialRow]) -> dict[str, str]:
    """Return the family of each perturbation that has one, as tested trials have it."""
    return {name: family for row in rows if row.evaluation for name, family in row.evaluation.families.items()}


def by_family(names: Iterable[str], families: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the perturbations of each family, those without one under ``"other"``.

    >>> by_family(["fog", "mine", "stripes"], {"fog": "occlusion", "stripes": "occlusion"})
    {'occlusion': ['fog', 'stripes'], 'other': ['mine']}
    """
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(families.get(name, "other"), []).append(name)
    return members


def no_gradients(backend: str) -> str:
    """Return why a trial on a backend cannot be tested under attacks, as `EvaluationRow.unavailable` has it."""
    return f"backend {backend} gives no gradient by the images (input_gradient), which attacks need"


_MEMBER = r"its member .+ seed \d+"
_UNATTACKABLE = r"backend .+ gives no gradient by the images \(input_gradient\), which attacks need"
_IMPOSSIBLE = re.compile(rf"(?:{_MEMBER}: )?{_UNATTACKABLE}|{_MEMBER} cannot be built here: .*")


def lost_tests(row: TrialRow) -> dict[str, str]:
    """Return the perturbations that failed when a trial or an ensemble was measured, and why.

    Those that it cannot be tested under at all, as an attack on a backend without gradients, are not among them.
    """
    unavailable = row.evaluation.unavailable if row.evaluation else {}
    return {name: why for name, why in unavailable.items() if not _IMPOSSIBLE.fullmatch(why)}
