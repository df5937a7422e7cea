"""A trained network of a run, to predict with."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.cache import CachedDataset
from harness.errors import HarnessError, PluginError, TrialError, one_line, shown
from harness.execution.recipes import loss_of, optimizer_of
from harness.interfaces import Context, NetworkSpec, Shape, State
from harness.machine.host import cores
from harness.plugins.foreign import UNLIMITED, foreign
from harness.plugins.models import build_layers
from harness.store import read_classes
from harness.suite.network import network_spec
from harness.suite.shipped import suite_path
from harness.trial.jobs import build_network, load_backend
from harness.trial.outputs import read_predictions
from harness.trial.scaling import Scaling
from harness.trial.specs import TrialSpec

if TYPE_CHECKING:
    from harness.plugins.loading import Registry
    from harness.rows import TrialRow
    from harness.store import Run

_BLOCK = 4096
"""Rows that are predicted at a time."""


@dataclass(frozen=True, repr=False)
class TrainedNetwork:
    """A trained network. Every call builds it from its state on its backend, in this process.

    Images are arrays (rows, height, width[, channels]): uint8 in 0…255, or floating in [0, 1]. Vectors are floating
    (rows, *shape), as the dataset has them: they are standardised as they were for training.
    """

    experiment: str
    seed: int
    backend: str
    class_names: tuple[str, ...]
    shape: Shape
    """Of a row: (height, width[, channels]) of an image."""
    kind: str
    """``"image"`` or ``"vector"``."""
    spec: NetworkSpec
    """Its layers, and what it was trained with."""
    state: State
    """Its weights, statistics and optimizer state by key: ``"0.weight"``, …"""
    _trial: TrialSpec
    _registry: Registry
    _scaling: Scaling | None

    def __repr__(self) -> str:
        """Return what it takes and gives, in a line."""
        about = f"{self.kind}s of shape {self.shape} to {len(self.class_names)} classes, on {self.backend}"
        return f"<harness.TrainedNetwork {self.experiment}/{self.seed}: {about}>"

    def log_probabilities(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return the log-probability of each class, (rows, classes) float32.

        Raises:
            HarnessError: the features are not of the network's shape, type or range, or the backend fails.
        """
        given = self._given(np.asarray(features))
        truth = np.zeros(len(given), dtype=np.int64)
        parts = []
        try:
            with foreign(UNLIMITED), closing(build_network(self._trial, dict(self.state), self._registry)) as network:
                for start in range(0, len(given), _BLOCK):
                    block = given[start : start + _BLOCK]
                    predicted = network.predict_images(block)
                    read_predictions(predicted, truth[start : start + _BLOCK], len(self.class_names))
                    parts.append(np.array(predicted))
        except (TrialError, PluginError) as error:
            raise HarnessError(one_line(error)) from error
        return np.concatenate(parts) if parts else np.empty((0, len(self.class_names)), dtype=np.float32)

    def probabilities(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return the probability of each class, (rows, classes) float32; errors as of `log_probabilities`."""
        return np.exp(self.log_probabilities(features))

    def predict(self, features: NDArray[Any]) -> NDArray[np.int64]:
        """Return the most probable class of each row, (rows,), a place in ``class_names``."""
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def _given(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return features as the network takes them."""
        if features.shape[1:] != self.shape or features.ndim != len(self.shape) + 1:
            msg = f"features of shape {features.shape}: the network takes (rows, {', '.join(map(str, self.shape))})"
            raise HarnessError(msg)
        if self.kind == "vector":
            values = features.astype(np.float32)
            return self._scaling.standardised(values) if self._scaling else values
        if features.dtype == np.uint8:
            return features.astype(np.float32) / np.float32(255)
        if features.dtype.kind != "f" or (features.size and not 0.0 <= features.min() <= features.max() <= 1.0):
            ends = f" from {features.min():g} to {features.max():g}" if features.size else ""
            msg = f"images of type {features.dtype}{ends}: give uint8 in 0…255, or floats in [0, 1]"
            raise HarnessError(msg)
        return features.astype(np.float32)


def trained_network(
    run: Run, row: TrialRow, registry: Registry, *, backend: str | None = None, device: str | None = None
) -> TrainedNetwork:
    """Return a trial's network; ``backend`` and ``device`` replace those of its experiment.

    Raises:
        HarnessError: it is not trained, its weights are damaged, or its backend or model is not available here.
    """
    name = f"{row.experiment}/{row.seed}"
    if row.status != "done":
        msg = f"{run.directory}: {name} has no trained network: {row.status}{f': {row.reason}' if row.reason else ''}"
        raise HarnessError(msg)
    experiment, folder = run.suite.experiments[row.experiment], suite_folder(run)
    decisive = {f"model {experiment.model.name}"} if experiment.model else set()
    decisive |= set() if backend else {f"backend {row.backend}"}
    options = {} if backend else experiment.backend_options.get(row.backend, {})
    backend, place = backend or row.backend, device or experiment.device
    refusal = load_backend(registry.find("backend", backend), options, folder).unavailable(place)
    if refusal:
        msg = f"{name}: backend {backend!r} is not available here: {one_line(PluginError(refusal))}"
        raise HarnessError(msg)
    state, shape = run.arrays(row.experiment, row.seed, "state.npz"), _shape(run)
    classes = len(run.dataset.class_names)
    layers = None
    if experiment.model:
        model = registry.find("model", experiment.model.name)
        layers = build_layers(model, experiment.model.options, folder, shape, classes)
    spec = network_spec(experiment, shape, classes, layers)
    trial = TrialSpec(
        experiment=row.experiment,
        seed=row.seed,
        data=CachedDataset(run.dataset, Path()),  # which predictions do not open
        split=run.suite.dataset.split,
        network=spec,
        backend=backend,
        backend_options=options,
        optimizer=optimizer_of(experiment, folder),
        loss=loss_of(experiment, folder),
        learning_rate=experiment.optimizer.learning_rate,
        schedule=experiment.schedule,
        epochs=experiment.epochs,
        early_stopping=None,
        context=Context(row.seed, place, cores(), experiment.precision, experiment.placement),
        fingerprint=row.fingerprint,
        components={part: made for part, made in row.components.items() if part in decisive},
    )
    return TrainedNetwork(
        row.experiment, row.seed, backend, run.dataset.class_names, shape, run.dataset.kind, spec, state,
        trial, registry, _scaling(run),
    )  # fmt: skip


def suite_folder(run: Run) -> Path:
    """Return the folder that relative paths of a run's suite are of: its file's, as far as that is known here."""
    written = run.notes().get("suite_file")
    return suite_path(written).parent if isinstance(written, str) and Path(written).suffix == ".toml" else Path()


def _shape(run: Run) -> Shape:
    """Return a row's shape; of a run of an earlier version, that of the images that it keeps."""
    if any(run.dataset.shape):
        return run.dataset.shape
    record = read_classes(run)
    if record is None or "glyphs" not in record:
        msg = f"{run.directory}: an earlier version made the run, which does not say the shape of its images"
        raise HarnessError(msg)
    return tuple(record["glyphs"].shape[1:])


def _scaling(run: Run) -> Scaling | None:
    """Return how vectors were standardised, None where they were not.

    Raises:
        HarnessError: they were, and the run does not have it any more.
    """
    if run.dataset.kind != "vector" or run.dataset.scale == "none":
        return None
    record = read_classes(run)
    if record is None:
        path = shown(str(run.directory / "classes.npz"))
        msg = f"{path} is missing or damaged, which has the scale of the vectors. The same 'harness run' makes it again"
        raise HarnessError(msg)
    return Scaling(record["mean"], record["deviation"])
