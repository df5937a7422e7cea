"""Networks of images from scratch: against autograd, finite differences and torch's modules, in any shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
)
from harness.optimizers import SGD, Adam
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.devices import Host
from harness_array.kernels import cublas
from tests.doubles import strict_cupy
from tests.image_networks import CHAINS, assert_as_autograd, built, float64_state, gradients_of_one_step, spec_of
from tests.networks import labelled_images

__all__ = ["strict_cupy"]

SMALL = {"one image at a time": 1, "some images at a time": 20_000, "all at once": 1 << 30}
"""Bytes of a block."""


def assert_gradients_match(spec, images, seed=0):
    assert_as_autograd(NumpyBackend(), spec, images, float64_state(spec, seed))


@pytest.mark.parametrize("block", SMALL)
@pytest.mark.parametrize("name", CHAINS)
def test_loss_and_gradients_match_autograd(name, block, monkeypatch):
    """In blocks of any size, the last of which is smaller."""
    monkeypatch.setattr(Host, "block_bytes", SMALL[block])
    spec = spec_of(name, gradient="sum", l2=0.1)
    assert_gradients_match(spec, labelled_images(21, spec.input_shape, 10))


@settings(max_examples=60)
@given(
    rows=st.integers(2, 7),
    sides=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 18)),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    pool=st.tuples(st.sampled_from([MaxPool2d, AveragePool2d]), st.integers(1, 3)),
    residual=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_gradients_match_autograd_in_any_shape(rows, sides, channels, kernel, stride, padding, pool, residual, seed):
    """A convolution before another, so that the gradient by its input is there too."""
    inner, pooled, size = channels[1], *pool
    try:
        second = Conv2d(inner, 3, kernel, stride, padding)
        layers = [Conv2d(channels[0], inner, kernel=1), Activation("silu")]
        layers += [Residual((second, BatchNorm(3))) if residual else second, pooled(size), Flatten()]
        shape = NetworkSpec((*sides, channels[0]), 4, tuple(layers), batch_size=8).shapes()[-1]
    except ValueError:
        return  # a shape that does not fit
    spec = NetworkSpec((*sides, channels[0]), 4, (*layers, Linear(*shape, 4)), batch_size=8)
    assert_gradients_match(spec, labelled_images(rows, spec.input_shape, 4, seed), seed)


@pytest.mark.parametrize(
    "layers",
    [
        (Conv2d(2, 3, kernel=3, padding=1), BatchNorm(3), Activation("tanh"), MaxPool2d(2), Flatten(), Linear(12, 3)),
        (
            Conv2d(2, 2, kernel=2, padding=1),
            Residual((Activation("tanh"), Conv2d(2, 3, kernel=3, stride=2, padding=1))),
            AveragePool2d(2), Flatten(), Linear(3, 3),
        ),
    ],
    ids=["cnn", "residual"],
)  # fmt: skip
def test_gradients_match_finite_differences(layers):
    """An oracle without any framework: central differences of the loss in every direction."""
    spec = NetworkSpec((5, 4, 2), 3, layers, batch_size=6)
    images, state = labelled_images(6, spec.input_shape, 3), float64_state(spec, 4)
    _, gradients, _ = gradients_of_one_step(NumpyBackend(), spec, images, state)
    step = 1e-6
    for key, gradient in gradients.items():
        for index in list(np.ndindex(gradient.shape))[:: max(1, gradient.size // 20)]:
            losses = []
            for sign in (1, -1):
                moved = {name: value.copy() for name, value in state.items()}
                moved[key][index] += sign * step
                losses.append(gradients_of_one_step(NumpyBackend(), spec, images, moved)[0].losses[0])
            assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient[index], rel=1e-4, abs=1e-7), key


@pytest.mark.slow
@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9), Adam()], ids=["sgd", "adam"])
def test_fifty_steps_agree_with_torch_in_float64(name, optimizer):
    """Losses within 1e-10, relative, of every step; states by the same keys, in the same layout."""
    torch_backend = pytest.importorskip("harness_torch.backend")
    pytest.importorskip("torch")
    spec = spec_of(name)
    images = labelled_images(160, spec.input_shape, 10)
    ours, theirs = (
        built(backend, spec, images, optimizer=optimizer, device="cpu")
        for backend in (NumpyBackend(), torch_backend.TorchBackend())
    )
    for epoch in range(10):
        mine, other = (network.train_epoch(epoch, np.arange(160), 0.003) for network in (ours, theirs))
        np.testing.assert_allclose(mine.losses, other.losses, rtol=1e-10)
        assert mine.correct == other.correct
    for key, value in ours.state().items():
        np.testing.assert_allclose(theirs.state()[key], value, rtol=1e-6, atol=1e-9, err_msg=key, strict=True)
    np.testing.assert_allclose(ours.predict(np.arange(9)), theirs.predict(np.arange(9)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["cnn", "resnet"])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_predictions_are_those_of_any_number_of_images(name, backend):
    """More than fit into a buffer, attached or not."""
    network = network_of(backend, spec_of(name, batch_size=16))
    order = np.arange(150)
    network.train_epoch(0, order[:48], 0.01)
    whole = network.predict(order)
    np.testing.assert_allclose(np.exp(whole).sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(network.predict(order[::-1])[::-1], whole, rtol=1e-5, atol=1e-6)
    images, _ = labelled_images(150, (8, 8), 10)
    floats = images.astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(network.predict_images(floats), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("strict_cupy")
@pytest.mark.parametrize("name", CHAINS)
def test_cupys_own_operations_on_the_double_are_numpys(name, monkeypatch):
    """Every layer kind, without kernels: two epochs of three steps, the last one smaller."""
    monkeypatch.setattr(cublas, "library", lambda: None)
    spec = spec_of(name)
    images = labelled_images(75, spec.input_shape, 10)
    ours, theirs = (built(backend, spec, images, optimizer=Adam()) for backend in (CupyBackend(), NumpyBackend()))
    assert ours.launch == "eager"
    for epoch in range(2):
        stats, expected = (each.train_epoch(epoch, np.arange(75), 0.01) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-10)
    np.testing.assert_allclose(ours.predict(np.arange(75)), theirs.predict(np.arange(75)), rtol=1e-5, atol=1e-6)


def network_of(backend, spec, **context):
    if backend == "torch":
        pytest.importorskip("torch")
        from harness_torch.backend import TorchBackend

        return built(TorchBackend(), spec, labelled_images(150, spec.input_shape, 10), device="cpu", **context)
    return built(NumpyBackend(), spec, labelled_images(150, spec.input_shape, 10), **context)


DROPPING = NetworkSpec(
    (6, 6), 10,
    (
        Conv2d(1, 4, kernel=3, padding=1), Dropout(0.3), Residual((Conv2d(4, 4, kernel=1), Dropout(0.5))),
        Residual((Dropout(0.5), Conv2d(4, 4, kernel=1), Dropout(0.5))), Flatten(), Linear(144, 10),
    ),
    batch_size=16,
)  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_dropout_within_a_residual_is_keyed_by_seed_epoch_and_step(backend):
    """Another mask for each; the same after a resumption; and none in prediction."""
    network, order = network_of(backend, DROPPING), np.tile(np.arange(16), 2)
    state = network.state()
    losses = []
    for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0)]:
        other = network_of(backend, DROPPING, seed=seed, state=state)
        losses.append(other.train_epoch(epoch, order, 0.0).losses)
    np.testing.assert_array_equal(losses[0], losses[1])
    kept = np.concatenate(losses[1:])
    assert len(np.unique(kept.round(9))) == len(kept)
    np.testing.assert_array_equal(network.predict(order), network.predict(order))


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_a_state_resumes_bit_by_bit(name, backend):
    """In float32, with an optimizer's moments."""
    spec, order = spec_of(name), np.arange(150)
    keys = {"optimizer": Adam(), "precision": "float32"}
    whole = network_of(backend, spec, **keys)
    whole.train_epoch(0, order, 0.01)
    resumed = network_of(backend, spec, state=whole.state(), **keys)
    for network in (whole, resumed):
        network.train_epoch(1, order, 0.01)
    for key, value in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[key], value, err_msg=key, strict=True)


def test_of_equal_values_the_first_line_by_line_gets_the_gradient():
    """As in torch: an image of one value pools to its upper left pixel."""
    layers = (Conv2d(1, 1, kernel=1), MaxPool2d(2), Flatten(), Linear(1, 2))
    spec = NetworkSpec((2, 2), 2, layers, batch_size=1)
    images = np.array([[[7, 9], [9, 9]]], dtype=np.uint8), np.array([1])
    assert_gradients_match(spec, images)
