"""How a backend predicts."""

from time import sleep
from typing import Any

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import (
    accepted,
    explained,
    honoured,
    require,
    require_close,
    require_equal,
    require_same,
)
from harness.interfaces import Network
from harness.trial.inputs import as_given
from harness.trial.outputs import read_predictions

_LOG_PROBABILITIES = "Network.predict returns float32 log-probabilities (rows, classes)"
_EVALUATION = "Network.predict, in evaluation mode: dropout off, running statistics instead of the batch's"

_LATE = 0.2
"""Seconds in which values that are still being computed would change."""
_MODES: dict[str, dict[str, Any]] = {"plain": {}, "dropout": {"dropout": 0.5}, "batch_norm": {"batch_norm": True}}


class Prediction(BackendTests):
    """`Network.predict` and `Network.predict_images`, from a state of the reference after some steps."""

    @staticmethod
    def _loaded(bench: Bench, **keys: Any) -> tuple[Network, Network]:
        """Return a network of the backend and one of the reference with the same trained state."""
        recipe = bench.supported(bench.plain.varied(**keys))
        state = bench.trained(recipe)
        pair = bench.build(recipe), bench.reference(recipe)
        for network in pair:
            network.load(state)
        return pair

    def test_a_prediction_is_there_when_it_is_returned(self, bench: Bench) -> None:
        """Network.predict returns when its values have been computed."""
        data = bench.images(2**14, (8, 8))
        network = bench.build(bench.plain, data)
        rows = np.arange(len(data.labels), dtype=np.int64)
        for _ in range(3):  # on a busy machine a thread may have ended before we look
            values = network.predict(rows)
            at_once = values.copy()
            sleep(_LATE)
            require_same(values, at_once, "Network.predict returns when the predictions are there", "values that stay")

    def test_returns_float32_log_probabilities(self, bench: Bench) -> None:
        """Network.predict returns float32 log-probabilities (rows, classes): their exponentials sum to one."""
        network, _ = self._loaded(bench)
        rows = np.array([5, 3, 90, 3], dtype=np.int64)
        images = as_given(bench.data.features[rows])
        for name, values in (("predict", network.predict(rows)), ("predict_images", network.predict_images(images))):
            clause = _LOG_PROBABILITIES.replace("predict", name)
            require(isinstance(values, np.ndarray), clause, "a NumPy array", type(values).__name__)
            truth, classes = bench.data.labels[rows], len(bench.data.class_names)
            kind = f"{values.dtype} {values.shape}"
            require_equal(kind, f"float32 ({len(rows)}, {len(bench.data.class_names)})", clause, "an array")
            accepted(clause, "predictions that a run takes", read_predictions, values, truth, classes)
            sums = np.exp(values.astype(np.float64)).sum(axis=1)
            require_close(sums, np.ones(len(rows)), 1e-5, clause, "the exponentials of a row to sum to")

    @pytest.mark.parametrize("key", _MODES)
    def test_predicts_in_evaluation_mode(self, bench: Bench, key: str) -> None:
        """Network.predict is in evaluation mode: dropout off, running statistics; the same twice."""
        keys, rows = _MODES[key], np.concatenate(bench.batches(3))
        with explained(honoured(keys) if keys else _EVALUATION):
            network, reference = self._loaded(bench, **keys)
            network.train_epoch(0, rows[:16], bench.plain.rate)  # it leaves training mode again
        network.load(reference.state())
        first = network.predict(rows).copy()
        require_close(network.predict(rows), first, 1e-6, _EVALUATION, "the same predictions twice:")
        require_close(first, reference.predict(rows), 1e-4, _EVALUATION, "the reference's log-probability of")

    def test_predictions_do_not_depend_on_the_other_rows(self, bench: Bench) -> None:
        """Network.predict takes any rows, in any order, one or thousands."""
        clause = "Network.predict: a row's prediction depends on that row alone"
        recipe = bench.honoured(bench.plain, batch_norm=True)
        network = bench.build(recipe)
        network.load(bench.trained(recipe))
        rows = np.arange(len(bench.data.labels), dtype=np.int64)
        whole = network.predict(rows)
        many = np.tile(rows[::-1], 60)  # more than a backend may predict at a time
        require_close(network.predict(many)[-len(rows) :], whole[::-1], 1e-5, clause, "among many rows")
        for row in (0, 17):
            alone = network.predict(rows[row : row + 1])
            require_close(alone, whole[row : row + 1], 1e-5, clause, f"row {row} alone")

    def test_images_that_are_not_attached_are_predicted_alike(self, bench: Bench) -> None:
        """Network.predict_images of images / 255 is `predict` of the attached rows."""
        network, _ = self._loaded(bench)
        rows = bench.batches(1)[0]
        images = as_given(bench.data.features[rows])
        before = images.copy()
        got = network.predict_images(images)
        clause = "Network.predict_images returns the same as predict for images in [0, 1] that are not attached"
        require_close(got, network.predict(rows), 1e-5, clause, "predict's log-probability of")
        require_same(images, before, "Network.predict_images does not modify its input", "the images as they were")

    def test_weights_that_are_nan_show(self, bench: Bench) -> None:
        """A network that diverged reports a loss that is not finite, or raises: the core ends the trial with it."""
        network = bench.build(bench.plain)
        state = network.state()
        network.load({key: np.full_like(value, np.nan) if "weight" in key else value for key, value in state.items()})
        clause = (
            "EpochStats.losses are those of the batches: a network that diverged reports losses that are not finite"
        )
        try:
            losses = network.train_epoch(0, bench.batches(1)[0], bench.plain.rate).losses
        except Exception:  # noqa: BLE001 - whatever it raises is the trial's reason: nothing is hidden
            return
        require(not np.isfinite(losses).any(), clause, "a loss of nan from weights that are nan", losses)
