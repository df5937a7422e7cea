"""What numpy's and torch's networks have in common, as those of any backend: steps, counts, and what they refuse."""

from functools import partial

import numpy as np
import pytest

from harness.interfaces import Context
from harness.optimizers import SGD
from harness.seeding import epoch_order, initial_state
from harness_array.backends import NumpyBackend
from tests.networks import labelled_images, mlp


def _network(backend, spec, *, state=None, images=None, precision="float64"):
    built = backend.build(spec, state or initial_state(spec, 0), SGD(), Context(0, device="cpu", precision=precision))
    if images is not None:
        built.attach(*images)
    return built


@pytest.fixture(params=["numpy", "torch"])
def network(request):
    """Return a function that builds a network of a backend."""
    if request.param == "numpy":
        return partial(_network, NumpyBackend())
    backend = pytest.importorskip("harness_torch.backend").TorchBackend()
    request.getfixturevalue("torch_threads")
    return partial(_network, backend)


def test_every_row_is_used_once_and_the_last_batch_is_smaller(network):
    """37 rows in batches of 16: steps of 16, 16 and 5, each with its own loss, none rescaled."""
    autograd = pytest.importorskip("tests.autograd")
    spec = mlp([6, 5, 3], batch_size=16, gradient="sum")
    images, labels = labelled_images(50, spec.input_shape, 3)
    order = epoch_order(3, 0, np.arange(13, 50))
    state = {key: value.astype(np.float64) for key, value in initial_state(spec, 0).items()}
    built = network(spec, state=state, images=(images, labels))
    stats = built.train_epoch(0, order, 0.01)
    assert stats.sizes.tolist() == [16, 16, 5]
    assert (stats.losses.dtype, stats.sizes.dtype) == (np.float64, np.int64)
    assert stats.peak_device_bytes is None
    for step, rows in enumerate((order[:16], order[16:32], order[32:])):
        loss, gradients, _ = autograd.loss_and_gradients(spec, state, images[rows], labels[rows])
        assert stats.losses[step] == pytest.approx(loss, rel=1e-12)
        state = {key: value - 0.01 * gradients[key] for key, value in state.items()}
    for key, value in built.state().items():
        np.testing.assert_allclose(value, state[key], rtol=1e-11)


def test_correct_counts_the_predictions_before_each_update(network):
    """With a learning rate too small to matter, the count is that of the untrained network; 45 leave a last batch."""
    spec = mlp([6, 5, 3], batch_size=8)
    images, labels = labelled_images(45, spec.input_shape, 3)
    built = network(spec, images=(images, labels))
    before = built.predict(np.arange(45)).argmax(axis=1)
    assert built.train_epoch(0, np.arange(45), 1e-12).correct == int((before == labels).sum())


def test_a_diverging_network_reports_it_in_its_losses_without_a_warning(network):
    """Pytest turns warnings into errors: an overflow must show as a loss that is not finite, and nowhere else."""
    spec = mlp([6, 5, 3], batch_size=8, gradient="sum")
    built = network(spec, images=labelled_images(80, spec.input_shape, 3), precision="float32")
    stats = [built.train_epoch(epoch, np.arange(80), 1e30) for epoch in range(2)]
    assert not np.isfinite(stats[-1].losses).all()


def test_batch_norm_refuses_a_training_batch_of_one_row(network):
    """The plan refuses it first; a network built by hand says so itself, torch's in torch's words."""
    spec = mlp([6, 5, 3], batch_norm=True, batch_size=8)
    built = network(spec, images=labelled_images(9, spec.input_shape, 3))
    with pytest.raises(ValueError, match=r"one row has no variance|more than 1 value per channel when training"):
        built.train_epoch(0, np.arange(9), 0.1)


def test_an_unused_or_closed_network_says_that_nothing_is_attached(network):
    """A mistake in a plugin's own test, most likely."""
    spec = mlp([6, 5, 3])
    closed = network(spec, images=labelled_images(9, spec.input_shape, 3))
    closed.synchronize()
    closed.close()
    for built in (network(spec), closed):
        with pytest.raises(RuntimeError, match=r"call attach\(\) first"):
            built.predict(np.arange(3))
