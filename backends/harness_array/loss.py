"""Softmax cross-entropy."""

from typing import Any

from harness.interfaces import Array


def log_softmax(xp: Any, logits: Array) -> Array:
    """Overwrite logits (rows, classes) with log-probabilities, and return them."""
    logits -= logits.max(axis=1, keepdims=True)
    logits -= xp.log(xp.exp(logits).sum(axis=1, keepdims=True))
    return logits


class SoftmaxCrossEntropy:
    """-log softmax(z)[label], averaged over a batch; its gradient, softmax(z) - one-hot(label), without the one-hot."""

    def __init__(self, xp: Any, rows: int, classes: int, dtype: Any) -> None:
        self._xp = xp
        self._probabilities = xp.empty((rows, classes), dtype=dtype)
        self._rows = xp.arange(rows)

    def __call__(self, logits: Array, labels: Array, *, mean: bool) -> tuple[Array, Array, Array]:
        """Return the mean loss and the number right, both 0-d on the device, and the gradient (rows, classes).

        The gradient is of the batch's summed loss, or with ``mean`` of its mean. ``logits`` are overwritten.
        """
        xp, rows = self._xp, len(logits)
        index = self._rows[:rows]
        right = xp.count_nonzero(logits.argmax(axis=1) == labels)
        logits -= logits.max(axis=1, keepdims=True)
        gradient = xp.exp(logits, out=self._probabilities[:rows])
        total = gradient.sum(axis=1, keepdims=True)
        loss = (xp.log(total[:, 0]) - logits[index, labels]).mean(dtype=xp.float64)
        gradient /= total
        gradient[index, labels] -= 1.0
        if mean:
            gradient *= 1.0 / rows
        return loss, right, gradient
