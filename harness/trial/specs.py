"""What a job needs to know: plain, picklable data, so that a job is a pure function of its specification."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.cache import CachedDataset
from harness.datasets.splits import SplitTable
from harness.interfaces import Context, NetworkSpec, State
from harness.plugins.options import ComponentSpec
from harness.rows import EpochRecord, EvaluationRow, TrialMetrics
from harness.trial.augmentation import Augmentation
from harness.trial.robustness import Robustness
from harness.trial.schedules import Schedule
from harness.trial.stopping import EarlyStopping
from harness.trial.tasks import Locate


@dataclass(frozen=True)
class TrialSpec:
    """One experiment with one seed, on one backend."""

    experiment: str
    seed: int
    data: CachedDataset
    split: SplitTable
    network: NetworkSpec
    backend: str
    optimizer: ComponentSpec
    learning_rate: float
    schedule: Schedule
    epochs: int
    early_stopping: EarlyStopping | None
    context: Context
    fingerprint: str
    backend_options: Mapping[str, Any] = field(default_factory=dict)
    """The keywords of the backend's factory; paths in them resolve as the optimizer's do."""
    loss: ComponentSpec | None = None
    """What it minimises; None is the plain cross-entropy. A worker puts it into the network."""
    checkpoint: tuple[Path, float] | None = None
    """Where it keeps its checkpoint, and how many seconds there are between two."""
    third_party: bool = False
    """Whether its backend, optimizer or loss is a third party's: it is then trained and tested in its own process."""
    augment: tuple[Augmentation, ...] = ()
    components: Mapping[str, str] = field(default_factory=dict)
    """What the plugins were when it was planned, as its row names them: edited ones are refused."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """The perturbations that it cannot be tested under, and why: attacks, where its backend gives no gradients."""

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.experiment} seed {self.seed} on {self.backend}"

    def on(self, device: str) -> "TrialSpec":
        """Return the trial on a device."""
        return replace(self, context=replace(self.context, device=device))

    def moved(self, locate: Locate) -> "TrialSpec":
        """Return the trial with its files elsewhere, as `Movable` says."""
        data = replace(self.data, directory=locate(self.data.directory, "data"))
        checkpoint = self.checkpoint and (locate(self.checkpoint[0], "update"), self.checkpoint[1])
        return replace(self, data=data, checkpoint=checkpoint)


@dataclass(frozen=True)
class Trained:
    """What training returns. ``confusion`` (classes, classes): validation rows, rows of the matrix are the truth."""

    history: list[EpochRecord]
    metrics: TrialMetrics
    confusion: NDArray[np.int64]
    state: State
    environment: dict[str, str] = field(default_factory=dict)
    anonymous_bytes: int | None = None
    """The process's anonymous memory when training ended, where the system tells."""
    waited: float | None = None
    """The share of the time of training for which its threads were ready and had no core, where the system tells."""
    resumed: bool = False
    """Whether it went on from a checkpoint: other processes took part of its time."""


@dataclass(frozen=True)
class Remark:
    """What a trial has to say while it runs, beside the records of its epochs: one line."""

    text: str


@dataclass(frozen=True)
class EvaluationSpec:
    """Trained trials, to be measured together: they share data and split.

    Each comes with the file of its state, and the SHA-256 that the file must have.
    """

    trials: tuple[tuple[TrialSpec, Path, str], ...]
    perturbations: tuple[Robustness, ...]
    components: Mapping[str, str] = field(default_factory=dict)
    """What the perturbations' plugins were when the run began, as rows name them."""
    kept: tuple[Path | None, ...] = ()
    """Of each trial, the file for its whole probabilities, None where no ensemble needs them; empty: of none. Those
    under attack are not among them."""
    attacks: frozenset[str] = frozenset()
    """Which of the perturbations are made against each network."""

    def on(self, device: str) -> "EvaluationSpec":
        """Return the same on a device."""
        return replace(self, trials=tuple((trial.on(device), path, digest) for trial, path, digest in self.trials))

    def moved(self, locate: Locate) -> "EvaluationSpec":
        """Return the same with its files elsewhere, as `Movable` says."""
        trials = [(trial.moved(locate), locate(path, "read"), digest) for trial, path, digest in self.trials]
        return replace(self, trials=tuple(trials), kept=tuple(path and locate(path, "write") for path in self.kept))


@dataclass(frozen=True)
class Evaluated:
    """One trial on the test rows: a measure and a row of each array for the clean images, then for every severity."""

    evaluation: EvaluationRow
    """Without what the driver knows: the fingerprint, the plugins and the seeds."""
    predictions: dict[str, NDArray[Any]]
    """``rows``, ``labels`` (test rows,); ``predicted``, ``log_probability`` of the truth, ``confidence`` (measures,
    test rows); ``likeliest`` (measures, test rows, `TOP`), if there are more classes.
    `harness.metrics.predictions.Predictions` says what they are."""
    examples: dict[str, NDArray[Any]]
    """What `harness.trial.gallery.confused` returns, and `harness.trial.gallery.Album.arrays`."""
