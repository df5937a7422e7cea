"""The step of networks of images by kernels, on the double: graph, kernel by kernel, NumPy and autograd agree."""

from itertools import product

import numpy as np
import pytest

from harness.builtin.losses import CrossEntropy
from harness.interfaces import Activation, BatchNorm, Conv2d, Dropout, Flatten, Linear, NetworkSpec, Residual
from harness.optimizers import SGD, Adam, AdamW
from harness.seeding import epoch_order
from harness_array.backends import CupyBackend, NumpyBackend
from tests.doubles import needs_compiler, strict_cupy
from tests.image_networks import CHAINS, assert_as_autograd, built, float64_state, spec_of
from tests.networks import labelled_images
from tests.test_fused_step import PLACEMENTS, assert_alike, sometimes

__all__ = ["strict_cupy"]

pytestmark = [needs_compiler, pytest.mark.usefixtures("strict_cupy")]
KEYS = {
    "cnn": ({"clip_norm": 0.5, "l2": 0.1}, Adam()),
    "resnet": ({"gradient": "sum", "weight_decay": 1e-2}, SGD(momentum=0.9, nesterov=True)),
    "colour, strides, no padding": ({"loss": CrossEntropy(label_smoothing=0.1)}, AdamW()),
    "windows that leave lines over": ({"class_weights": tuple(np.linspace(0.5, 2, 10))}, SGD()),
    "overwriting first in a residual": ({}, Adam()),
}
"""Of each of `CHAINS`: what else its step has, and its optimizer."""
ODD = {
    "a norm and dropout first": (
        (4, 5, 2),
        (BatchNorm(2), Dropout(0.0), Conv2d(2, 3, 2), Activation("tanh"), Activation("silu"), Flatten(),
         BatchNorm(36), Linear(36, 10)),
    ),
    "nothing learns before a residual": (
        (4, 4),
        (Activation("tanh"), Residual((Activation("silu"), Conv2d(1, 2, 3, stride=2, padding=1), BatchNorm(2))),
         Flatten(), Linear(8, 10)),
    ),
    "residuals within a residual": (
        (4, 4),
        (Conv2d(1, 2, 1), Residual((Residual((Conv2d(2, 2, 3, padding=1, bias=False),)), Activation("gelu"),
         Residual((Dropout(0.0),)), Conv2d(2, 3, 2, stride=2))), Flatten(), Linear(12, 10)),
    ),
}  # fmt: skip
"""Chains that no model has: input shape and layers."""


def network(spec, backend=None, *, rows=75, **keys):
    return built(backend or CupyBackend(), spec, labelled_images(rows, spec.input_shape, 10), **keys)


def odd(name, **keys):
    shape, layers = ODD[name]
    return NetworkSpec(shape, 10, layers, **{"batch_size": 32} | keys)


def assert_epochs_are_numpys(spec, optimizer, placement):
    """Two epochs of four steps, the last one smaller, at two rates: losses, counts and state."""
    ours = network(spec, optimizer=optimizer, placement=placement)
    theirs = network(spec, NumpyBackend(), optimizer=optimizer)
    assert (ours.launch, ours.placement) == ("graph", placement)
    for epoch, rate in enumerate((0.01, 0.003)):
        order = epoch_order(0, epoch, np.arange(75))
        stats, expected = (each.train_epoch(epoch, order, rate) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-10)
        np.testing.assert_array_equal(stats.sizes, expected.sizes)
        assert stats.correct == expected.correct
    assert_alike(ours.state(), theirs.state())
    ours.close()


@pytest.mark.parametrize(
    ("name", "placement"),
    sometimes(product(CHAINS, PLACEMENTS), ("cnn", "stream"), ("overwriting first in a residual", "resident")),
)
def test_epochs_are_numpys(name, placement):
    keys, optimizer = KEYS[name]
    assert_epochs_are_numpys(spec_of(name, batch_size=20, **keys), optimizer, placement)


@pytest.mark.parametrize("name", sometimes(ODD, "nothing learns before a residual"))
def test_epochs_of_odd_chains_are_numpys(name):
    assert_epochs_are_numpys(odd(name, batch_size=20, l2=0.1), Adam(), "resident")


@pytest.mark.parametrize("name", sometimes([*CHAINS, *ODD], "windows that leave lines over"))
def test_loss_and_gradients_match_autograd(name):
    """Those of torch, in float64."""
    spec = (odd if name in ODD else spec_of)(name, gradient="sum", l2=0.1)
    assert_as_autograd(CupyBackend(), spec, labelled_images(21, spec.input_shape, 10), float64_state(spec))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["colour, strides, no padding", "windows that leave lines over"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_steps_in_float32_are_those_of_float64_to_rounding(name, placement):
    """Loss and gradients of networks without kinks within 1e-5, as those of perceptrons are compared."""
    spec, images = spec_of(name), labelled_images(32, spec_of(name).input_shape, 10)
    state = {key: value.astype(np.float32).astype(np.float64) for key, value in float64_state(spec).items()}
    losses, gradients = [], []
    for backend, keys in ((CupyBackend(), {"precision": "float32", "placement": placement}), (NumpyBackend(), {})):
        trainee = built(backend, spec, images, state=state, **keys)
        losses.append(trainee.train_epoch(0, np.arange(32), 1.0).losses[0])
        after = trainee.state()
        gradients.append({block.key: state[block.key] - after[block.key] for block in spec.parameters()})
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for key, expected in gradients[1].items():
        # θ - g rounds to float32's spacing at θ: the gradient is read back to within that.
        spacing = np.spacing(np.abs(state[key]).max().astype(np.float32))
        atol = 1e-5 * max(np.abs(expected).max(), 1.0) + 2 * spacing
        np.testing.assert_allclose(gradients[0][key], expected, rtol=1e-5, atol=atol, err_msg=key)


def test_pixels_of_several_chunks_are_added_up():
    """3 × 32 × 32 pixels are three chunks, and three parts of a product: the epochs above have one each."""
    from cupy import _order

    layers = (
        Conv2d(1, 3, 3, padding=1),
        BatchNorm(3),
        Conv2d(3, 2, 1),
        Activation("tanh"),
        Flatten(),
        Linear(2048, 10),
    )
    spec = NetworkSpec((32, 32), 10, layers, batch_size=3)
    networks = [network(spec, backend, rows=8, optimizer=SGD()) for backend in (CupyBackend(), NumpyBackend())]
    _order.Order.launched.clear()
    losses = [each.train_epoch(0, np.arange(8), 0.01).losses for each in networks]
    assert _order.Order.launched["Dgemm batched"] == 2  # of the last batch, of two images; the others are graphs
    np.testing.assert_allclose(*losses, rtol=1e-10)
    assert_alike(*(each.state() for each in networks))


def test_a_last_batch_of_one_image_has_no_batch_norm():
    """As without kernels; within a residual too."""
    trainee = network(spec_of("overwriting first in a residual", batch_size=20))
    with pytest.raises(ValueError, match="a training batch of one row has no variance"):
        trainee.train_epoch(0, np.arange(21), 0.01)
    trainee.train_epoch(0, np.arange(22), 0.01)


def test_batches_from_the_host_are_numpys():
    """Augmented images come this way: in a graph too."""
    spec, rng = spec_of("cnn", batch_size=8), np.random.default_rng(0)
    batches = [(rng.random((count, 8, 8), dtype=np.float32), rng.integers(0, 10, count)) for count in (8, 8, 8, 3)]
    networks = [network(spec, backend) for backend in (CupyBackend(), NumpyBackend())]
    for epoch in range(2):
        stats, expected = (each.train_batches(epoch, batches, 0.01) for each in networks)
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-10)


def test_predictions_after_training_are_numpys():
    """They are CuPy's own operations, of parameters and statistics that the kernels moved."""
    spec = spec_of("cnn")
    networks = [network(spec, backend, optimizer=SGD()) for backend in (CupyBackend(), NumpyBackend())]
    for each in networks:
        each.train_epoch(0, np.arange(75), 0.01)
    ours, theirs = (each.predict(np.arange(75)) for each in networks)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
