"""Layer kinds that only the plugin has, not the reference: their gradients against differences of the loss."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import accepted, require
from harness.conformance.kinds import UNVERIFIED, ModelCase, verifiable
from harness.conformance.slopes import Values, require_slopes
from harness.interfaces import Network, Precision, ReducedPrecision, State, implements, kinds_of, split_state
from harness.optimizers import Adam
from harness.trial.attacks import TestedNetwork, gives_gradients
from harness.trial.inputs import as_given

_ON_PURPOSE = (
    " A kind whose gradient is on purpose not the derivative, such as a straight-through estimator, fails this test: "
    'deselect it with -k "not of_its_models"'
)
_RATE = 1.0
"""Of the step that shows the gradient, which no later step follows."""


class LayerKinds(BackendTests):
    """`Network.train_epoch` and `input_gradient` in models with layer kinds that the reference lacks."""

    def test_learns_along_the_slopes_of_its_models(self, bench: Bench) -> None:
        """Network.train_epoch: what a first step shows of each gradient is the slope of the loss of training.

        A kind's input gradient shows in the gradients of what learns before it.
        """
        for case in _cases(bench):
            _require_descent(bench, case)

    def test_the_input_gradient_of_its_models_is_the_slope(self, bench: Bench) -> None:
        """Differentiable.input_gradient: the slope of the cross-entropy of what is predicted."""
        if not gives_gradients(bench.backend):
            pytest.skip("it does not say input_gradients = True")
        for case in _cases(bench):
            _require_input_gradient(bench, case)

    def test_each_kind_and_model_can_be_verified(self, bench: Bench) -> None:
        """Backend.layers: a kind is verified in a model that has it; what cannot be verified is named, and skipped."""
        if unverified := verifiable(bench).unverified:
            pytest.skip(UNVERIFIED + "; ".join(f"{what} ({why})" for what, why in unverified.items()))


def _cases(bench: Bench) -> list[ModelCase]:
    cases = verifiable(bench).cases
    if not cases:
        pytest.skip("no model that is named, or is its plugin's, has a layer kind that the reference lacks")
    return cases


def _require_descent(bench: Bench, case: ModelCase) -> None:
    precision = _finest(bench)
    network = bench.build(case.recipe, case.data, precision)
    state = _moved(network.state())
    order = np.arange(case.recipe.batch, dtype=np.int64)
    gradients = _gradients(network, case, state, order)

    def loss_with(key: str, values: Values) -> float:
        network.load(state | {key: values.astype(state[key].dtype)})
        return float(network.train_epoch(0, order, 0.0).losses[0])

    for key in reversed(gradients):  # an error of a layer is in the gradients of all layers before it
        eps = float(np.finfo(precision).eps)
        loss = partial(loss_with, key)
        require_slopes(loss, state[key], gradients[key], eps, _clause(case, key), "the loss of a batch")
    network.close()


def _require_input_gradient(bench: Bench, case: ModelCase) -> None:
    network = bench.build(case.recipe, case.data)
    network.load(_moved(network.state()))
    images = as_given(case.data.features)
    labels, at = case.data.labels, np.arange(len(images))
    kinds = ", ".join(kind.__name__ for kind in kinds_of(case.layers))
    clause = f"Differentiable.input_gradient through the kinds of model {case.model!r}: {kinds}.{_ON_PURPOSE}"
    differentiate = TestedNetwork(network).input_gradient
    gradient = accepted(clause, "a gradient that an attack takes", differentiate, images, labels)

    def loss(values: Values) -> float:
        predicted = network.predict_images(values.astype(np.float32))
        return -float(predicted[at, labels].sum(dtype=np.float64))

    eps = float(np.finfo("float32").eps)
    require_slopes(loss, images, gradient, eps, clause, "the cross-entropy, over all rows,")
    network.close()


def _finest(bench: Bench) -> Precision:
    backend: object = bench.backend
    fine = implements(backend, ReducedPrecision) and "float64" in backend.precisions
    return "float64" if fine else "float32"


def _moved(state: State) -> State:
    """Return a state whose parameters are moved at random by a tenth, so that none starts at 0 or at its like."""
    rng = np.random.default_rng(19)
    network, _ = split_state(state)

    def near(value: Any) -> Any:
        size = 0.1 * max(float(np.sqrt(np.mean(np.square(value, dtype=np.float64)))), 0.1)
        return (value + size * rng.standard_normal(value.shape)).astype(value.dtype)

    return {key: near(value) if value.dtype.kind == "f" and value.size else value for key, value in network.items()}


def _gradients(network: Network, case: ModelCase, state: State, order: Any) -> dict[str, Any]:
    """Return the gradient of the mean loss by each parameter, as the network's first step shows it."""
    spec, rule = case.recipe.spec(case.data), case.recipe.rule.optimizer
    network.load(state)
    network.train_epoch(0, order, _RATE)
    after = network.state()
    rows = 1 if spec.gradient == "mean" else len(order)
    clause = "Network.state: parameters by key, and the optimizer's entries as optimizer.<name>"
    if isinstance(rule, Adam):
        require("optimizer.m" in after, clause, "the key 'optimizer.m' after a step of Adam", sorted(after))
        moments = np.asarray(after["optimizer.m"], dtype=np.float64) / (1.0 - rule.betas[0]) / rows
        return {block.key: moments[block.start : block.stop].reshape(block.shape) for block in spec.parameters()}
    keys = [block.key for block in spec.parameters()]
    return {key: (state[key].astype(np.float64) - after[key]) / _RATE / rows for key in keys}


def _clause(case: ModelCase, key: str) -> str:
    position = int(key.partition(".")[0])
    behind = dict.fromkeys(type(layer).__name__ for layer in case.layers[position:])
    put = "" if case.put is None else f" (the kit has put Linear at {case.put}, whose gradient shows the next layer's)"
    return (
        f"Network.train_epoch descends along the loss's gradient: {key} in model {case.model!r}{put}; it depends on "
        f"the arithmetic of {', '.join(behind)}.{_ON_PURPOSE}"
    )
