"""Softmax cross-entropy in place, and any other loss through its pure form."""

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from harness.descent import batch_loss, is_plain
from harness.interfaces import Array, NetworkSpec
from harness_array.devices import Device


def log_softmax(xp: Any, logits: Array) -> Array:
    """Overwrite logits (rows, classes) with log-probabilities, and return them."""
    logits -= logits.max(axis=1, keepdims=True)
    logits -= xp.log(xp.exp(logits).sum(axis=1, keepdims=True))
    return logits


class SoftmaxCrossEntropy:
    """-log softmax(z)[label], averaged over a batch; its gradient, softmax(z) - one-hot(label), without the one-hot."""

    def __init__(self, xp: Any, rows: int, classes: int, dtype: Any, *, mean: bool) -> None:
        self._xp = xp
        self._mean = mean
        self._probabilities = xp.empty((rows, classes), dtype=dtype)
        self._rows = xp.arange(rows)

    def __call__(self, logits: Array, labels: Array) -> tuple[Array, Array, Array]:
        """Return the mean loss and the number right, both 0-d on the device, and the gradient (rows, classes).

        The gradient is of the batch's summed loss, or with ``mean`` of its mean. ``logits`` are overwritten.
        """
        xp, rows = self._xp, len(logits)
        index = self._rows[:rows]
        predicted = logits.argmax(axis=1)
        right = xp.count_nonzero(predicted == labels)
        # The largest, found already: a second search takes a quarter of this.
        logits -= logits[index, predicted][:, None]
        gradient = xp.exp(logits, out=self._probabilities[:rows])
        total = gradient.sum(axis=1, keepdims=True)
        # Not `mean`, whose own lines of Python take longer than the sum.
        loss = (xp.log(total[:, 0]) - logits[index, labels]).sum(dtype=xp.float64) / rows
        gradient /= total
        gradient[index, labels] -= 1.0
        if self._mean:
            gradient *= 1.0 / rows
        return loss, right, gradient


class PureLoss:
    """Any `harness.interfaces.Loss`, with or without weights of classes."""

    def __init__(self, device: Device, spec: NetworkSpec, dtype: Any) -> None:
        self._spec = spec
        self._count = device.xp.count_nonzero
        weights = spec.class_weights
        self._weights = None if weights is None else device.to_device(np.array(weights, dtype=dtype))

    def __call__(self, logits: Array, labels: Array) -> tuple[Array, Array, Array]:
        """Return the mean loss and the number right, both 0-d on the device, and the gradient (rows, classes)."""
        right = self._count(logits.argmax(axis=1) == labels)
        loss, gradient = batch_loss(self._spec, array_namespace(logits), logits, labels, self._weights)
        return loss, right, gradient


def loss_for(device: Device, spec: NetworkSpec, dtype: Any) -> SoftmaxCrossEntropy | PureLoss:
    """Return what computes the loss of a network's batches."""
    if is_plain(spec):
        mean = spec.gradient == "mean"
        return SoftmaxCrossEntropy(device.xp, spec.batch_size, spec.classes, dtype, mean=mean)
    return PureLoss(device, spec, dtype)
