"""The method of parity: one start and one order for two backends, compared step by step.

Longer float32 trajectories drift apart by rounding at ReLU's kinks, as NumPy's does from itself under another BLAS
kernel: in float32 each step starts anew from the reference's state.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.datasets.digits import Digits
from harness.interfaces import Activation, Context, Dropout, Linear
from harness.plugins.loading import registry
from harness.plugins.options import ComponentSpec
from harness.seeding import epoch_order, initial_state
from harness.suite import load_suite
from harness.suite.network import network_spec
from harness.trial.jobs import build_optimizer
from harness_array.backends import NumpyBackend

STEPS = 50
SUITE = Path(__file__).parent.parent / "suites" / "full.toml"
DIGITS = Digits().load()
PLAIN = build_optimizer(ComponentSpec("sgd", {}, Path()), registry())


class Placed:
    """A backend whose networks keep the images where a test says."""

    def __init__(self, backend, placement):
        self._backend = backend
        self._placement = placement

    def build(self, spec, initial, optimizer, context):
        """Return the backend's network."""
        context = replace(context, placement=self._placement)
        return self._backend.build(spec, initial, optimizer, context)


def built(backend, name, precision, *, device="auto"):
    """Return a network of the paper's experiment on digits, dropout off, and its learning rate; small batches."""
    experiment = load_suite(SUITE, registry(), dataset="digits").suite.experiments[name]
    spec = network_spec(experiment, (8, 8), 10)
    layers = tuple(Dropout(0.0) if isinstance(layer, Dropout) else layer for layer in spec.layers)
    spec = replace(spec, layers=layers, batch_size=100)
    rule = build_optimizer(ComponentSpec(experiment.optimizer.name, experiment.optimizer.options, Path()), registry())
    context = Context(42, device=device, precision=precision)
    network = backend.build(spec, initial_state(spec, 42), rule, context)
    network.attach(DIGITS.features, DIGITS.labels)
    return network, experiment.optimizer.learning_rate


def orders(steps):
    """Return the rows of each of 50 batches, three epochs of them."""
    rows = np.arange(len(DIGITS.labels) // 100 * 100)
    batches = np.concatenate([epoch_order(42, epoch, rows) for epoch in range(3)]).reshape(-1, 100)
    return batches[:steps]


def gradients(network, state, order):
    """Return the loss of one step, and the change that it makes at a rate of 1 under plain descent: the gradient."""
    network.load(state)
    stats = network.train_epoch(0, order, 1.0)
    after = network.state()
    return stats.losses[0], {key: state[key] - after[key] for key in after if "weight" in key or "bias" in key}


def away_from_kinks(spec, state, order):
    """Return the rows of a batch that have no pre-activation within 1e-5 of ReLU's kink.

    There the derivative jumps from 0 to 1, and float32's rounding decides which: no implementation agrees with another.
    """
    x = DIGITS.features[order].reshape(len(order), -1) / 255
    clear = np.ones(len(order), dtype=bool)
    for index, layer in enumerate(spec.layers):
        if isinstance(layer, Linear):
            x = x @ state[f"{index}.weight"] + state[f"{index}.bias"]
        elif layer == Activation("relu"):
            clear &= (np.abs(x) > 1e-5).all(axis=1)
            x = np.maximum(x, 0)
        else:
            return order  # the smooth experiments have no kinks
    assert clear.mean() > 0.9
    return order[clear]


def assert_steps_agree(name, backend, *, device="auto"):
    """Restart each of 50 steps from the float64 reference's state: loss and gradient within 1e-5 of float64's."""
    reference, rate = built(NumpyBackend(), name, "float64")
    networks = []
    spec = reference._spec
    for trainer, precision, place in ((NumpyBackend(), "float64", "cpu"), (backend, "float32", device)):
        network = trainer.build(spec, initial_state(spec, 42), PLAIN, Context(42, device=place, precision=precision))
        network.attach(DIGITS.features, DIGITS.labels)
        networks.append(network)
    for order in orders(STEPS):
        state = {key: value for key, value in reference.state().items() if not key.startswith("optimizer")}
        rounded = {key: value.astype(np.float32).astype(np.float64) for key, value in state.items()}
        (loss, exact), (single_loss, single) = (
            gradients(network, rounded, away_from_kinks(spec, rounded, order)) for network in networks
        )
        assert single_loss == pytest.approx(loss, rel=1e-5)
        # θ - g rounds to float32's spacing at θ: the gradient is read back to within that.
        for key, value in exact.items():
            scale = max(np.abs(value).max(), 1.0)
            spacing = np.spacing(np.abs(rounded[key]).max().astype(np.float32)) if rounded[key].size else 0.0
            np.testing.assert_allclose(single[key], value, rtol=1e-5, atol=1e-5 * scale + 2 * spacing, err_msg=key)
        reference.train_epoch(0, order, rate)
