"""Losses: what training minimises."""

from typing import Any, Protocol, runtime_checkable

from harness.interfaces.arrays import Array


@runtime_checkable
class Loss(Protocol):
    """A loss of classification: pure, over any array namespace, so that one form serves every backend.

    It is immutable, hashable and picklable: a frozen dataclass of its options is all three.
    """

    def __call__(self, xp: Any, logits: Array, labels: Array, class_weights: Array | None) -> tuple[Array, Array]:
        """Return each row's loss (rows,), and its gradient by the logits (rows, classes).

        ``xp`` is the namespace of the arrays, as `array_api_compat.array_namespace` returns it: ``numpy``,
        ``jax.numpy``, …. ``logits`` (rows, classes) of one floating dtype, which both results have; ``labels`` (rows,)
        of whole numbers in 0 … classes - 1; ``class_weights`` (classes,) of the logits' dtype, all above 0, or None,
        which means 1 each. A row's results depend on that row alone, and are proportional to the weights. The backend
        adds the rows up and, for a mean, divides by the sum of their labels' weights. No branch depends on an array's
        values, no argument is modified, and nothing is drawn at random.
        """
        ...
