"""The gradient of the loss by the images: NumPy's, CuPy's and torch's, in evaluation mode."""

from dataclasses import replace

import numpy as np
import pytest

from harness.builtin.losses import CrossEntropy
from harness.interfaces import Activation, Context, Dropout, NetworkSpec
from harness.optimizers import SGD
from harness_array.backends import CupyBackend, NumpyBackend
from tests.doubles import strict_cupy
from tests.image_networks import CHAINS, float64_state
from tests.networks import mlp

__all__ = ["strict_cupy"]

MLPS = {
    activation: mlp((35, 20, 12, 10), activation=activation, batch_norm=True, dropout=0.5, shape=(5, 7))
    for activation in ("relu", "leaky_relu", "gelu", "silu", "tanh")
}
IMAGES = {
    name: NetworkSpec(shape, 10, tuple(replace(x, rate=0.5) if isinstance(x, Dropout) else x for x in layers), 16)
    for name, (shape, layers) in CHAINS.items()
}
SPECS = MLPS | IMAGES


def network(backend, spec, precision="float64"):
    """Return a network whose statistics are not those that it started with."""
    state, rng = float64_state(spec), np.random.default_rng(1)
    for key, shape in spec.buffers().items():
        low, high = (-0.2, 0.2) if key.endswith("running_mean") else (0.5, 1.5)
        state[key] = rng.uniform(low, high, shape)
    return backend.build(spec, state, SGD(), Context(0, device="auto", precision=precision))


def rows(spec, count=100, dtype=np.float64):
    """Return images and labels, more of them than the network has in a batch; read-only."""
    rng = np.random.default_rng(2)
    images, labels = rng.random((count, *spec.input_shape)).astype(dtype), rng.integers(0, spec.classes, count)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


@pytest.mark.parametrize("name", SPECS)
def test_numpys_is_torchs(name):
    """In float64, of every layer kind, with statistics and dropout: within 1e-10."""
    torch_backend = pytest.importorskip("harness_torch.backend").TorchBackend()
    spec = SPECS[name]
    ours, oracle = (network(backend, spec).input_gradient(*rows(spec)) for backend in (NumpyBackend(), torch_backend))
    assert ours.dtype == np.float64
    assert ours.shape == (100, *spec.input_shape)
    assert np.abs(oracle).max() > 1e-3
    np.testing.assert_allclose(ours, oracle, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("strict_cupy")
@pytest.mark.parametrize("name", ["relu", "gelu", "cnn", "resnet"])
def test_cupys_is_numpys(name):
    """On the strict double, which refuses what CuPy refuses; it never ran on a device."""
    spec = SPECS[name]
    ours, cupys = (network(backend, spec).input_gradient(*rows(spec)) for backend in (NumpyBackend(), CupyBackend()))
    np.testing.assert_allclose(cupys, ours, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["tanh", "cnn"])
def test_is_the_slope_of_the_loss(name):
    """Central differences of the predicted log-probability, of some pixels of one row."""
    spec = SPECS[name]
    spec = replace(spec, layers=tuple(Activation("tanh") if x == Activation("relu") else x for x in spec.layers))
    built = network(NumpyBackend(), spec)
    images, labels = rows(spec, 1)
    step, flat = 1e-3, images.reshape(-1)
    gradient = built.input_gradient(images, labels).reshape(-1)
    for pixel in np.argsort(-np.abs(gradient))[:5]:
        moved = np.tile(flat, (2, 1))
        moved[:, pixel] += (step, -step)
        losses = -built.predict_images(moved.reshape(2, *spec.input_shape).astype(np.float32))[:, labels[0]]
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient[pixel], rel=0.02, abs=2e-4)


@pytest.mark.parametrize("name", ["relu", "cnn", "resnet"])
def test_changes_nothing_and_knows_no_training_loss(name):
    """The state, predictions and training afterwards are the same bits; weights of classes have no part."""
    spec = SPECS[name]
    images, labels = rows(spec, dtype=np.float32)
    used, untouched = network(NumpyBackend(), spec, "float32"), network(NumpyBackend(), spec, "float32")
    gradient = used.input_gradient(images, labels)
    assert gradient.dtype == np.float32
    weighted = replace(spec, loss=CrossEntropy(0.3), class_weights=tuple(np.linspace(1, 2, 10)), l2=0.1, gradient="sum")
    np.testing.assert_array_equal(network(NumpyBackend(), weighted, "float32").input_gradient(images, labels), gradient)
    for each in (used, untouched):
        each.attach((images * 255).astype(np.uint8), labels)
        each.train_epoch(0, np.arange(48), 0.1)
    for key, value in used.state().items():
        np.testing.assert_array_equal(value, untouched.state()[key], err_msg=key)
    np.testing.assert_array_equal(used.input_gradient(images, labels), untouched.input_gradient(images, labels))


@pytest.mark.parametrize("name", ["relu", "resnet"])
def test_of_a_row_does_not_depend_on_the_others(name):
    """Alone, in another order, and among more rows than a part has."""
    spec = SPECS[name]
    built = network(NumpyBackend(), spec)
    images, labels = rows(spec, 1100)
    whole = built.input_gradient(images, labels)
    order = np.random.default_rng(3).permutation(1100)
    np.testing.assert_allclose(built.input_gradient(images[order], labels[order]), whole[order], rtol=0, atol=1e-13)
    np.testing.assert_allclose(built.input_gradient(images[7:8], labels[7:8]), whole[7:8], rtol=0, atol=1e-13)
