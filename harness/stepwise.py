"""A base class for a first backend: write ``step`` and ``forward``, and the rest of `Network` is there."""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import Context, EpochStats, NetworkSpec, State

PREDICT_ROWS = 4096
"""Images predicted at a time."""


class StepwiseNetwork(ABC):
    """A `harness.interfaces.Network` that feeds float32 batches from the host, one step at a time.

    A subclass gives `step`, `forward`, `state` and `load`. It keeps nothing on a device between steps but what it keeps
    itself, and overrides `synchronize` if its work is queued.
    """

    placement = "stream"

    def __init__(self, spec: NetworkSpec, context: Context) -> None:
        self.spec = spec
        self.context = context
        self.epoch = 0
        """The epoch that `step` is in, from 0."""
        self.index = 0
        """The step within the epoch, from 0: with the seed and the epoch it keys a dropout mask."""
        self._images: NDArray[np.uint8] | None = None
        self._labels: NDArray[np.int64] | None = None

    @abstractmethod
    def step(self, x: NDArray[np.float32], y: NDArray[np.int64], learning_rate: float) -> tuple[float, int]:
        """Train on x (rows, features) in [0, 1] and y (rows,); return the mean loss and the number right, before it."""

    @abstractmethod
    def forward(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """Return logits, or log-probabilities, (rows, classes) of x (rows, features), in evaluation mode."""

    @abstractmethod
    def state(self) -> State:
        """Return a copy of parameters, statistics and optimizer state."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Take over a state that `state` returned; without ``optimizer.*`` the optimizer starts anew."""

    def attach(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Keep the set where it is, on the host."""
        self._images, self._labels = images, labels

    def train_epoch(self, epoch: int, order: NDArray[np.int64], learning_rate: float) -> EpochStats:
        """Call `step` for each batch of the order; the last may be smaller."""
        _, labels = self._attached()
        edges = [*range(0, len(order), self.spec.batch_size), len(order)]
        losses, correct = [], 0
        self.epoch = epoch
        for index, (start, stop) in enumerate(pairwise(edges)):
            self.index = index
            rows = order[start:stop]
            loss, right = self.step(self._scaled(rows), labels[rows], learning_rate)
            losses.append(float(loss))
            correct += int(right)
        return EpochStats(np.asarray(losses, dtype=np.float64), np.diff(edges), correct)

    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of attached rows."""
        parts = (rows[start : start + PREDICT_ROWS] for start in range(0, len(rows), PREDICT_ROWS))
        return np.concatenate([_log_softmax(self.forward(self._scaled(part))) for part in parts])

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of images (rows, height, width) in [0, 1]."""
        return _log_softmax(self.forward(images.reshape(len(images), self.spec.features)))

    def synchronize(self) -> None:  # noqa: B027 - a default, not a gap: a step ends before it returns
        """Wait for queued device work: there is none."""

    def close(self) -> None:
        """Let go of the images."""
        self._images = self._labels = None

    def _scaled(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        images, _ = self._attached()
        flat = images[rows].reshape(len(rows), self.spec.features)
        return np.divide(flat, 255, dtype=np.float32)

    def _attached(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        if self._images is None or self._labels is None:
            raise RuntimeError("no images are attached: call attach() first")
        return self._images, self._labels


def _log_softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    values = np.array(logits, dtype=np.float64)
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    return values.astype(np.float32)
