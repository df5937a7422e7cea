"""Base classes for a first backend: write ``step`` and ``forward``, and the rest of the contract is there."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.descent import batch_loss, clip_factor
from harness.interfaces import (
    LAYERS_OF_INTERFACE_1,
    Batches,
    Context,
    EpochStats,
    Layer,
    Network,
    NetworkSpec,
    Optimizer,
    Parameter,
    State,
    joined_state,
    split_state,
    unsupported_layers,
)

PREDICT_ROWS = 4096
"""Rows predicted at a time, at most."""
PREDICT_BYTES = 1 << 30
"""Bytes that their values may take, in all layers together: large images are predicted fewer at a time."""


class StepwiseBackend:
    """A `harness.interfaces.Backend` on the CPU that is always there and honours every key: override what differs."""

    interface: int
    """The `INTERFACE_VERSION` that the subclass was written for, which the subclass sets."""
    layers: ClassVar[Collection[type[Layer]]] = LAYERS_OF_INTERFACE_1
    """The layer kinds that it has; networks with others are declined, and not built."""
    network: ClassVar[type["StepwiseNetwork"]]
    """What it builds."""
    takes_batches = True
    """Its networks train on batches that the core prepares, too."""
    input_gradients = False
    """Whether its networks have `harness.interfaces.Differentiable.input_gradient`, which attacks need."""

    def unavailable(self, device: str) -> str | None:
        """Return why it cannot run on ``device``: it knows the CPU."""
        return None if device in {"auto", "cpu"} else f"{type(self).__name__} runs on the CPU alone, not on {device!r}"

    def unsupported(self, _spec: NetworkSpec, _optimizer: Optimizer) -> list[str]:
        """Return the keys of the experiment that it cannot honour: none."""
        return []

    def devices(self, _device: str) -> Sequence[str]:
        """Return the devices to train on: the CPU."""
        return ["cpu"]

    def deterministic(self, _device: str) -> bool:
        """Return True: equal inputs give equal bits."""
        return True

    def environment(self, _device: str) -> Mapping[str, str]:
        """Return versions and the device's name."""
        return {"device": "cpu", "numpy": np.__version__}

    def build(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> Network:
        """Return a network that starts from ``initial``.

        Raises:
            ValueError: a layer's kind is not among `layers`.
        """
        missing = unsupported_layers(spec.layers, self.layers, f"backend {type(self).__name__}")
        if missing is not None:
            raise ValueError(missing)
        return self.network(spec, initial, optimizer, context)


class StepwiseNetwork(ABC):
    """A `harness.interfaces.Network` that is fed float batches from the host, one step at a time.

    A subclass gives `step`, which begins its way back with `loss` and ends with `descend`, and `forward`; both read
    ``values``. What `step` returns is read when the epoch ends. One whose framework keeps the weights itself overrides
    `state` and `load` too, and `synchronize` if its work is queued.
    """

    placement = "stream"
    values: dict[str, NDArray[Any]]
    """The arrays by their key in a `State`: parameters, as views into one flat vector, and running statistics."""
    _flat_blocks: tuple[Parameter, ...]
    _flat: NDArray[Any]
    _moments: dict[str, Any]

    def __init__(self, spec: NetworkSpec, initial: State, optimizer: Optimizer, context: Context) -> None:
        self.spec = spec
        self.context = context
        self.optimizer = optimizer
        self.position = (0, 0)
        """The epoch and the step that `step` is in, from 0: with the seed they key a dropout mask."""
        self._images: NDArray[Any] | None = None
        self._labels: NDArray[np.int64] | None = None
        self.load(initial)

    @abstractmethod
    def step(self, x: NDArray[Any], y: NDArray[np.int64], learning_rate: float) -> tuple[float, int]:
        """Train on x (rows, *spec.row_shape) and y (rows,); return the mean loss and the number right, before it.

        Images are in [0, 1], vectors of pixels (rows, features) if the first layer is `Linear`, else channels last.
        """

    @abstractmethod
    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return logits, or log-probabilities, (rows, classes) of x (rows, *spec.row_shape), in evaluation mode."""

    def loss(self, logits: NDArray[Any], labels: NDArray[np.int64]) -> tuple[float, NDArray[Any]]:
        """Return a batch's mean loss and its gradient (rows, classes) by the logits, as the experiment asks for it.

        Any loss, any weights of classes, a sum or a mean: `step` needs to know none of them.
        """
        weights = self.spec.class_weights
        given = None if weights is None else np.array(weights, dtype=logits.dtype)
        loss, gradient = batch_loss(self.spec, np, logits, labels, given)
        return float(loss), gradient

    def descend(self, gradients: Mapping[str, NDArray[Any]], learning_rate: float) -> None:
        """Update the parameters by their gradients, after ``clip_norm``, and after ``l2`` and ``weight_decay``."""
        gradient = np.empty_like(self._flat)
        for block in self._flat_blocks:
            self._view(gradient, block)[...] = gradients[block.key]
        if self.spec.clip_norm is not None:
            gradient *= clip_factor(np, np.vdot(gradient, gradient), self.spec.clip_norm)
        for block in self._flat_blocks:
            penalty = self.spec.weight_decay + (self.spec.l2 if block.is_weight else 0.0)
            if penalty:
                self._view(gradient, block)[...] += penalty * self.values[block.key]
        self._flat[...], self._moments = self.optimizer.update(self._flat, gradient, self._moments, learning_rate)

    def state(self) -> State:
        """Return a copy of parameters, statistics and optimizer state."""
        return {key: np.array(value) for key, value in joined_state(self.values, self._moments).items()}

    def load(self, state: State) -> None:
        """Take over a state that `state` returned; without ``optimizer.*`` the optimizer starts anew."""
        self._flat_blocks = self.spec.parameters()
        self._flat = np.empty(self._flat_blocks[-1].stop, dtype=self.context.precision)
        self.values, moments = split_state({key: np.array(value) for key, value in state.items()})
        for block in self._flat_blocks:
            view = self._view(self._flat, block)
            view[...] = state[block.key]
            self.values[block.key] = view
        self._moments = moments or self.optimizer.init(self._flat)

    def attach(self, images: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Keep the set where it is, on the host."""
        self._images, self._labels = images, labels

    def train_epoch(self, epoch: int, order: NDArray[np.int64], learning_rate: float) -> EpochStats:
        """Call `step` for each batch of the order; the last may be smaller."""
        _, labels = self._attached()
        edges = [*range(0, len(order), self.spec.batch_size), len(order)]
        rows = (order[start:stop] for start, stop in pairwise(edges))
        return self._train(epoch, ((self._scaled(part), labels[part]) for part in rows), learning_rate)

    def train_batches(self, epoch: int, batches: Batches, learning_rate: float) -> EpochStats:
        """Call `step` for each batch."""
        return self._train(epoch, ((self._shaped(x), y) for x, y in batches), learning_rate)

    def _train(
        self, epoch: int, batches: Iterable[tuple[NDArray[Any], NDArray[np.int64]]], learning_rate: float
    ) -> EpochStats:
        losses: list[Any] = []
        rights: list[Any] = []
        sizes: list[int] = []
        for index, (x, y) in enumerate(batches):
            self.position = (epoch, index)
            loss, right = self.step(x, y, learning_rate)
            losses.append(loss)
            rights.append(right)
            sizes.append(len(y))
        # Read only now: a framework that queues its steps need not be waited for after each.
        correct = sum(int(right) for right in rights)
        return EpochStats(np.array([float(loss) for loss in losses]), np.array(sizes), correct)

    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of attached rows."""
        return self._predicted(len(rows), lambda part: self._scaled(rows[part]))

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-probabilities (rows, classes) of rows (rows, *shape): images in [0, 1], or vectors."""
        return self._predicted(len(images), lambda part: self._shaped(images[part]))

    def _predicted(self, count: int, load: Callable[[slice], NDArray[Any]]) -> NDArray[np.float32]:
        size = min(PREDICT_ROWS, self.spec.rows_within(PREDICT_BYTES, np.dtype(self.context.precision).itemsize))
        parts = [_log_softmax(self.forward(load(slice(start, start + size)))) for start in range(0, count, size)]
        return np.concatenate(parts) if parts else np.empty((0, self.spec.classes), dtype=np.float32)

    def synchronize(self) -> None:  # noqa: B027 - a default, not a gap: a step ends before it returns
        """Wait for queued device work: there is none."""

    def close(self) -> None:
        """Let go of the images."""
        self._images = self._labels = None

    @staticmethod
    def _view(vector: NDArray[Any], block: Parameter) -> NDArray[Any]:
        return vector[block.start : block.stop].reshape(block.shape)

    def _shaped(self, images: NDArray[np.float32]) -> NDArray[Any]:
        return images.reshape(len(images), *self.spec.row_shape).astype(self.context.precision, copy=False)

    def _scaled(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        images, _ = self._attached()
        x: NDArray[Any] = images[rows].reshape(len(rows), *self.spec.row_shape)
        if x.dtype != np.uint8:
            return x.astype(self.context.precision, copy=False)
        scaled: NDArray[Any] = np.divide(x, 255, dtype=self.context.precision)
        return scaled

    def _attached(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        if self._images is None or self._labels is None:
            raise RuntimeError("no images are attached: call attach() first")
        return self._images, self._labels


def _log_softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    values = np.array(logits, dtype=np.float64)
    values -= values.max(axis=1, keepdims=True)
    values -= np.log(np.exp(values).sum(axis=1, keepdims=True))
    return values.astype(np.float32)
