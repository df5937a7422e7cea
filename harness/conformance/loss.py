"""What a loss must do to be certified."""

import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
from array_api_compat import array_namespace
from numpy.typing import NDArray

from harness.conformance.clauses import broken, described, require, require_close, require_equal, require_same
from harness.conformance.libraries import LIBRARIES, compiled, converter
from harness.conformance.target import Conformance, Target
from harness.interfaces import Loss
from harness.plugins.components import Kind

Values = NDArray[Any]
_STEP = 1e-6
_PURE = "Loss: pure: no argument is modified, nothing is random"
_SHAPES = "Loss returns losses (rows,) and a gradient (rows, classes), of the logits' dtype"


def batch(rows: int = 12, classes: int = 5, dtype: Any = np.float64) -> tuple[Values, Values, Values]:
    """Return logits (rows, classes), labels (rows,) that leave a class out, and weights (classes,)."""
    rng = np.random.default_rng(3)
    logits = 3.0 * rng.standard_normal((rows, classes))
    weights = rng.uniform(0.3, 2.0, classes)
    return logits.astype(dtype), rng.integers(0, classes - 1, rows), weights.astype(dtype)


class LossConformance(Conformance):
    """Tests of a loss.

    A subclass may give ``reference``, a static method (logits, labels) -> the loss of each row (rows,), without weights
    of classes, written independently of the loss.
    """

    kind: ClassVar[Kind] = "loss"
    reference: ClassVar[Any] = None

    @pytest.fixture
    def loss(self, target: Target) -> Loss:
        """Return the loss with its options."""
        loss: Loss = target.build()
        return loss

    def test_agrees_with_its_reference(self, loss: Loss) -> None:
        """Loss returns what the reference computes."""
        if self.reference is None:
            pytest.skip("the test class gives no reference")
        logits, labels, _ = batch()
        losses, _ = loss(np, logits, labels, None)
        require_close(losses, self.reference(logits.copy(), labels), 1e-9, "Loss: that of its reference", "a loss of")

    @pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
    def test_its_gradient_is_that_of_its_losses(self, loss: Loss, weighted: bool) -> None:
        """Loss returns the gradient of each row's loss by its logits: finite differences agree."""
        logits, labels, weights = batch()
        class_weights = weights if weighted else None
        _, gradient = loss(np, logits, labels, class_weights)
        differences = np.empty_like(logits)
        for column in range(logits.shape[1]):
            shift = np.zeros(logits.shape[1])
            shift[column] = _STEP
            above, below = (loss(np, logits + way * shift, labels, class_weights)[0] for way in (1, -1))
            differences[:, column] = (above - below) / (2 * _STEP)
        clause = "Loss returns each row's gradient by the logits, not that of a mean"
        tolerance = 1e-6 * max(1.0, float(np.abs(differences).max()))
        require_close(gradient, differences, tolerance, clause, "by finite differences, a gradient of")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(("rows", "classes"), [(12, 5), (1, 2), (7, 47)])
    def test_keeps_shapes_and_dtype(self, loss: Loss, rows: int, classes: int, dtype: str) -> None:
        """Loss: logits (rows, classes) to losses (rows,) and a gradient (rows, classes), of one floating dtype."""
        logits, labels, weights = batch(rows, classes, dtype)
        for class_weights in (None, weights):
            losses, gradient = loss(np, logits, labels, class_weights)
            require_equal(described(losses), f"{dtype} ({rows},)", _SHAPES, "losses")
            require_equal(described(gradient), f"{dtype} ({rows}, {classes})", _SHAPES, "a gradient")

    @pytest.mark.parametrize("library", LIBRARIES)
    def test_is_one_loss_for_every_array_library(self, loss: Loss, library: str) -> None:
        """Loss: over any array namespace, which it is given."""
        convert = converter(library)
        logits, labels, weights = batch(dtype=np.float32)
        arrays = [convert(value) for value in (logits, labels, weights)]
        clause = "Loss: one form for every array library; xp is the library"
        wanted, got = loss(np, logits, labels, weights), loss(array_namespace(arrays[0]), *arrays)
        for name, expected, given in zip(("losses", "gradient"), wanted, got, strict=True):
            require_equal(type(given), type(arrays[0]), clause, f"{name} of")
            require_close(
                np.asarray(given), expected, 1e-4, clause, f"from {library}'s arrays what NumPy's give, {name}:"
            )

    def test_has_no_branch_on_values(self, loss: Loss) -> None:
        """Loss: no branch depends on an array's values, so that it can be captured and compiled."""
        clause = "Loss: no branch depends on an array's values"
        logits, labels, weights = batch(dtype=np.float32)

        def call(logits: Any, labels: Any, weights: Any) -> Any:
            return loss(array_namespace(logits), logits, labels, weights)

        for got, wanted in zip(
            compiled(call, clause, logits, labels, weights), call(logits, labels, weights), strict=True
        ):
            require_close(np.asarray(got), wanted, 1e-4, clause, "compiled, a value of")

    def test_weights_multiply_each_rows_loss(self, loss: Loss) -> None:
        """Loss: results are proportional to the weights, and None means 1 each."""
        logits, labels, weights = batch()
        clause = "Loss: losses and gradients are proportional to the weights of classes; None means 1 each"
        for got, wanted in zip(
            loss(np, logits, labels, np.ones_like(weights)), loss(np, logits, labels, None), strict=True
        ):
            require_close(got, wanted, 1e-9, clause, "with weights of 1, what None gives:")
        for got, wanted in zip(loss(np, logits, labels, 3.0 * weights), loss(np, logits, labels, weights), strict=True):
            require_close(got, 3.0 * wanted, 1e-9, clause, "with three times the weights")

    def test_a_row_depends_on_itself_alone(self, loss: Loss) -> None:
        """Loss: each row's results are those that it has alone, in any order."""
        logits, labels, weights = batch()
        clause = "Loss: a row's loss and gradient depend on that row alone"
        losses, gradient = loss(np, logits, labels, weights)
        order = np.random.default_rng(1).permutation(len(labels))[:5]
        some, slope = loss(np, logits[order], labels[order], weights)
        require_close(some, losses[order], 1e-12, clause, "some rows by themselves, a loss of")
        require_close(slope, gradient[order], 1e-12, clause, "some rows by themselves, a gradient of")

    @pytest.mark.parametrize("scale", [0.0, 1e2, 1e4])
    def test_is_finite_for_any_logits(self, loss: Loss, scale: float) -> None:
        """Loss: finite losses and gradients for logits of any size, right and wrong: a sure network trains on."""
        logits = scale * np.eye(4, dtype=np.float32)
        clause = "Loss: finite for logits of any size"
        for labels in (np.arange(4), np.arange(4)[::-1].copy()):
            with np.errstate(all="ignore"):
                values = loss(np, logits, labels, None)
            for name, value in zip(("losses", "gradients"), values, strict=True):
                require(np.isfinite(value).all(), clause, f"finite {name} for logits of {scale:g}", value)

    def test_is_pure(self, loss: Loss) -> None:
        """Loss: no argument is modified, and equal arguments give equal bits."""
        arguments = batch()
        before = [value.copy() for value in arguments]
        first = loss(np, *arguments)
        for name, value, was in zip(("logits", "labels", "class_weights"), arguments, before, strict=True):
            require_same(value, was, _PURE, f"{name} as they were")
        for again, value in zip(loss(np, *arguments), first, strict=True):
            require_same(np.asarray(again), np.asarray(value), _PURE, "the same bits a second time")

    def test_can_be_hashed_and_pickled(self, target: Target, loss: Loss) -> None:
        """A loss is immutable: a frozen dataclass of its options."""
        clause = "a loss is immutable, hashable and can be pickled: a frozen dataclass of its options is"
        try:
            copy = pickle.loads(pickle.dumps(loss))  # noqa: S301 - our own bytes
            hashes = hash(loss), hash(target.build()), hash(copy)
        except Exception as error:  # noqa: BLE001 - a foreign object may raise anything
            broken(clause, "a loss that can be hashed and pickled", f"{type(error).__name__}: {error}")
        require(len(set(hashes)) == 1, clause, "one hash for equal options", hashes)
