"""What a network predicted of some images under one condition: what metrics are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.classification import confusion_matrix

OF_IMAGES = frozenset({"rows", "labels"})
"""Arrays of a file of predictions that every condition shares; the others have a first axis of conditions."""


class NotStoredError(LookupError):
    """An array that is not stored with some predictions."""


@dataclass(frozen=True)
class Predictions:
    """The predictions of some images under one condition.

    ``arrays``: those that are known, by the names of the properties, which raise `NotStoredError` for another.
    """

    arrays: Mapping[str, NDArray[Any]]
    classes: int

    @property
    def labels(self) -> NDArray[np.int64]:
        """The true classes, (rows,)."""
        return self._array("labels")

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted classes, (rows,)."""
        return self._array("predicted")

    @property
    def log_probability(self) -> NDArray[np.float32]:
        """The log-probabilities of the true classes, (rows,)."""
        return self._array("log_probability")

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probabilities of the predicted classes, (rows,)."""
        return self._array("confidence")

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """The confusion matrix (classes, classes), truth by prediction."""
        if "confusion" in self.arrays:
            return self._array("confusion")
        return confusion_matrix(self.labels, self.predicted, self.classes)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Which images are right, (rows,)."""
        right: NDArray[np.bool_] = self.predicted == self.labels
        return right

    def _array(self, name: str) -> NDArray[Any]:
        if name not in self.arrays:
            raise NotStoredError(name)
        return self.arrays[name]


def of_conditions(arrays: Mapping[str, NDArray[Any]]) -> Sequence[Predictions]:
    """Return the predictions under each condition from arrays as `harness.trial.specs.Evaluated` has them."""
    shared = {name: values for name, values in arrays.items() if name in OF_IMAGES}
    count, classes, _ = arrays["confusion"].shape
    return [
        Predictions(shared | {name: values[index] for name, values in arrays.items() if name not in OF_IMAGES}, classes)
        for index in range(count)
    ]
