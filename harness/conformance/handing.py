"""A network under test is given what a run gives it: arrays that cannot be written to."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from harness.interfaces import EpochStats, Network
from harness.trial.inputs import lent


class _ReadOnlyArguments:
    """A network whose arguments are read-only copies; all else is its own."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def attach(self, images: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Attach copies."""
        self._network.attach(lent(images), lent(labels))

    def train_epoch(self, epoch: int, order: NDArray[np.int64], learning_rate: float) -> EpochStats:
        """Train on a copy of the order."""
        return self._network.train_epoch(epoch, lent(order), learning_rate)

    def predict(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Predict a copy of the rows."""
        return self._network.predict(lent(rows))

    def predict_images(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict copies of the images."""
        return self._network.predict_images(lent(images))


def read_only_arguments(network: Network) -> Network:
    """Return a network that is handed read-only copies."""
    return cast("Network", _ReadOnlyArguments(network))
