"""What a network predicted of some images under one condition: what metrics are computed from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.classification import confusion_matrix

OF_IMAGES = frozenset({"rows", "labels"})
"""Arrays of a file of predictions that every condition shares; the others have a first axis of conditions."""


TOP = 5
"""Classes that are kept of each test image, where there are more."""


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

    @property
    def likeliest(self) -> NDArray[np.uint16]:
        """The `TOP` most likely classes of each image, the likeliest first, (rows, `TOP`).

        Of equally likely ones the lower number is first. Not stored of validation rows, where there are not more
        classes, and by version 0.1.
        """
        return self._array("likeliest")

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


def most_likely(log_probability: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the `TOP` most likely classes of each row (rows, classes), as `Predictions.likeliest` describes them.

    >>> most_likely(np.log(np.array([[0.1, 0.1, 0.5, 0.05, 0.05, 0.2]], dtype=np.float32)))
    array([[2, 5, 0, 1, 3]], dtype=uint16)
    """
    left = np.maximum(log_probability, np.finfo(np.float32).min)  # -inf: a class that was taken already
    rows = np.arange(len(left))
    likeliest = np.empty((len(left), TOP), dtype=np.uint16)
    for place in range(TOP):
        likeliest[:, place] = left.argmax(axis=1)
        left[rows, likeliest[:, place]] = -np.inf
    return likeliest


def has_likeliest(classes: int) -> bool:
    """Return whether the most likely classes of test images are stored: all of a few say nothing."""
    return TOP < classes <= np.iinfo(np.uint16).max + 1


class _Condition(Mapping[str, NDArray[Any]]):
    """The arrays of one condition among those of several; one is read when it is asked for."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], index: int) -> None:
        self._arrays, self._index = arrays, index

    def __getitem__(self, name: str) -> NDArray[Any]:
        values = self._arrays[name]
        return values if name in OF_IMAGES else values[self._index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def of_conditions(arrays: Mapping[str, NDArray[Any]], classes: int) -> Sequence[Predictions]:
    """Return the predictions under each condition from arrays as `harness.trial.specs.Evaluated` has them.

    Confusion matrices follow from them, and are not stored: of thousands of classes they take more than all else.
    Those that an earlier version stored are used.
    """
    return [Predictions(_Condition(arrays, index), classes) for index in range(len(arrays["predicted"]))]
