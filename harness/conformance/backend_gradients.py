"""The gradient of the loss by the images, which attacks need."""

from typing import Any

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import accepted, require, require_close, require_same
from harness.conformance.recipes import Recipe
from harness.interfaces import Network
from harness.trial.attacks import TestedNetwork, gives_gradients
from harness.trial.inputs import as_given

_CLAUSE = (
    "Differentiable.input_gradient returns each row's ∂(-log softmax(z)[label])/∂x by a pixel in [0, 1], not divided "
    "by the number of rows, in evaluation mode: dropout off, running statistics instead of the batch's"
)
_CLOSE = 1e-3
"""How far float32 may be from the float64 reference, relative to the largest gradient of a pixel."""
_STEP = 2.0**-8
_MODES: dict[str, dict[str, Any]] = {"plain": {}, "dropout": {"dropout": 0.5}, "batch_norm": {"batch_norm": True}}


class InputGradients(BackendTests):
    """`Differentiable.input_gradient`; skipped where the backend does not say that its networks have it."""

    @pytest.fixture
    def differentiable(self, bench: Bench) -> Bench:
        """Return the bench, or skip."""
        if not gives_gradients(bench.backend):
            pytest.skip("it does not say input_gradients = True")
        return bench

    @staticmethod
    def _gradient(network: Network, images: Any, labels: Any) -> Any:
        return accepted(
            _CLAUSE, "a gradient that an attack takes", TestedNetwork(network).input_gradient, images, labels
        )

    @staticmethod
    def _rows(bench: Bench) -> tuple[Any, Any]:
        rows = bench.batches(1)[0]
        return as_given(bench.data.features[rows]), bench.data.labels[rows]

    @staticmethod
    def _trained(bench: Bench, recipe: Recipe) -> tuple[Network, Any]:
        """Return a network of the backend that has been in training mode, and one of the reference, of one state."""
        state = bench.trained(recipe)
        network, reference = bench.build(recipe), bench.reference(recipe)
        network.train_epoch(0, bench.batches(1)[0], recipe.rate)
        for each in (network, reference):
            each.load(state)
        return network, reference

    @pytest.mark.parametrize("key", _MODES)
    def test_gives_the_input_gradient_of_evaluation_mode(self, differentiable: Bench, key: str) -> None:
        """Differentiable.input_gradient is the reference's, with dropout and batch norm in evaluation mode."""
        recipe = differentiable.supported(differentiable.plain.varied(**_MODES[key]))
        network, reference = self._trained(differentiable, recipe)
        images, labels = self._rows(differentiable)
        wanted = reference.input_gradient(images.astype(np.float64), labels)
        got = self._gradient(network, images, labels)
        require_close(got, wanted, _CLOSE * float(np.abs(wanted).max()), _CLAUSE, "the reference's gradient of")

    def test_the_input_gradient_is_the_slope_of_what_it_predicts(self, differentiable: Bench) -> None:
        """Differentiable.input_gradient agrees with differences of the cross-entropy of `Network.predict_images`."""
        network, _ = self._trained(differentiable, differentiable.honoured(differentiable.plain, batch_norm=True))
        images, labels = self._rows(differentiable)
        gradient = self._gradient(network, images, labels)
        at, step = np.arange(len(labels)), np.float32(_STEP) * np.sign(gradient)
        up, down = (network.predict_images(np.float32(sign) * step + images)[at, labels] for sign in (1, -1))
        slope = float((down.astype(np.float64) - up).sum()) / (2 * _STEP)
        wanted = float(np.abs(gradient).sum(dtype=np.float64))
        require_close(slope, wanted, 0.05 * wanted, _CLAUSE, "along its signs a slope of the loss, over all rows, of")

    def test_the_input_gradient_of_a_row_depends_on_that_row_alone(self, differentiable: Bench) -> None:
        """Differentiable.input_gradient takes any rows, one or thousands."""
        network, _ = self._trained(differentiable, differentiable.honoured(differentiable.plain, batch_norm=True))
        images, labels = self._rows(differentiable)
        whole = self._gradient(network, images, labels)
        tolerance = _CLOSE * float(np.abs(whole).max())
        alone = self._gradient(network, images[3:4], labels[3:4])
        require_close(alone, whole[3:4], tolerance, f"{_CLAUSE}; a row's depends on that row alone", "row 3 alone")
        times = 5000 // len(labels)
        many = self._gradient(network, np.tile(images, (times, *[1] * (images.ndim - 1))), np.tile(labels, times))
        require_close(many[-len(labels) :], whole, tolerance, f"{_CLAUSE}; of any number of rows", "among many rows")

    def test_the_input_gradient_changes_nothing(self, differentiable: Bench) -> None:
        """Differentiable.input_gradient leaves parameters, statistics and the optimizer as they are."""
        network = differentiable.build(differentiable.stateful())
        network.train_epoch(0, differentiable.batches(1)[0], differentiable.plain.rate)
        images, labels = self._rows(differentiable)
        before, given = network.state(), images.copy()
        self._gradient(network, images, labels)
        clause = "Differentiable.input_gradient changes neither the network nor what it is given"
        after = network.state()
        require(before.keys() == after.keys(), clause, "the keys of the state as they were", sorted(after))
        for key, value in before.items():
            require_same(after[key], value, clause, f"{key} as it was")
        require_same(images, given, clause, "the images as they were")
