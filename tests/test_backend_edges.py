"""Built-in backends at the edges: one row, no row, one class, a batch that no set fills, a dropout of almost all."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.builtin.models import cnn, mlp, resnet
from harness.interfaces import BatchNorm, Context, Conv2d, Dropout, Linear, NetworkSpec
from harness.optimizers import SGD, Adam
from harness.seeding import initial_state
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.devices import Host
from harness_torch.backend import TorchBackend
from harness_torch.dropout import HostMasks
from harness_torch.plain import sequential
from tests.doubles import needs_compiler, strict_cupy
from tests.networks import labelled_images

__all__ = ["strict_cupy"]

BACKENDS = {
    "numpy": NumpyBackend(),
    "torch": TorchBackend(),
    "cupy": CupyBackend(),
}
MODELS = {
    "mlp": mlp((8, 8), 3, hidden_layers=[5]),
    "cnn": cnn((8, 8), 3, channels=[4], dense=[6]),
    "resnet": resnet((8, 8), 3, channels=[4, 6]),
}
IMAGES, LABELS = labelled_images(7, (8, 8), 3)
FLOATS = IMAGES.astype(np.float32) / np.float32(255)


@pytest.fixture(params=[*["numpy", "torch"], pytest.param("cupy", marks=needs_compiler)])
def backend(request):
    """Return each built-in backend, cupy on its double."""
    if request.param == "cupy":
        request.getfixturevalue("strict_cupy")
    return BACKENDS[request.param]


def spec_of(model="mlp", **keys):
    """Return the spec of a model of images of 8 x 8 and three classes."""
    return replace(NetworkSpec((8, 8), 3, MODELS[model], 16), **keys)


def network(backend, spec, *, optimizer=SGD(), images=(IMAGES, LABELS), **context):  # noqa: B008 - frozen
    """Return a network of seed 0 with its images attached."""
    device = "auto" if isinstance(backend, CupyBackend) else "cpu"
    made = backend.build(spec, initial_state(spec, 0), optimizer, Context(0, device=device, **context))
    made.attach(*images)
    return made


@pytest.mark.parametrize("model", MODELS)
def test_one_row_is_what_it_is_among_others_and_no_row_is_nothing(backend, model):
    """Predictions of attached rows and of given ones, and input gradients; of a set of one row, too."""
    made = network(backend, spec_of(model))
    every, gradients = made.predict(np.arange(7)), made.input_gradient(FLOATS, LABELS)
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(made.predict(np.array([4])), every[4:5], **close)
    np.testing.assert_allclose(made.predict_images(FLOATS[4:5]), every[4:5], **close)
    np.testing.assert_allclose(made.input_gradient(FLOATS[4:5], LABELS[4:5]), gradients[4:5], **close)
    alone = network(backend, spec_of(model), images=(IMAGES[4:5], LABELS[4:5]))
    np.testing.assert_allclose(alone.predict(np.array([0])), every[4:5], **close)
    assert made.predict(np.arange(0)).shape == made.predict_images(FLOATS[:0]).shape == (0, 3)
    assert made.input_gradient(FLOATS[:0], LABELS[:0]).shape == (0, 8, 8)
    before = made.state()
    stats = made.train_epoch(0, np.arange(0), 0.1)
    assert (stats.losses.size, stats.sizes.size, stats.correct) == (0, 0, 0)
    for key, value in made.state().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


def test_a_batch_larger_than_the_set_is_the_set(backend):
    """One step of it, as of a batch that is as large."""
    results = []
    for size in (7, 4096):
        made = network(backend, spec_of(batch_size=size), optimizer=Adam())
        stats = made.train_epoch(0, np.arange(7), 0.01)
        assert list(stats.sizes) == [7]
        results.append((stats.losses, made.state()))
    (losses, state), (of_larger, larger) = results
    np.testing.assert_allclose(of_larger, losses, rtol=1e-6)
    for key, value in state.items():
        np.testing.assert_allclose(larger[key], value, rtol=1e-5, atol=1e-6, err_msg=key)


def test_of_one_class_all_are_right_at_once(backend):
    """A loss of 0, and nothing to learn; no dataset has one class alone, and a backend need not fail there."""
    spec = NetworkSpec((8, 8), 1, mlp((8, 8), 1, hidden_layers=[5]), 4)
    made = network(backend, spec, images=(IMAGES, np.zeros(7, dtype=np.int64)))
    before = made.state()
    stats = made.train_epoch(0, np.arange(7), 0.5)
    assert (list(stats.losses), stats.correct) == ([0.0, 0.0], 7)
    assert not made.predict(np.arange(7)).any()
    assert not made.input_gradient(FLOATS, np.zeros(7, dtype=np.int64)).any()
    for key, value in made.state().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


@pytest.mark.parametrize("rows", [1, 17])
def test_one_image_has_no_batch_norm_in_training(backend, rows):
    """Nor has a last batch of one, though its pixels had a mean and a variance: every backend refuses it."""
    images, labels = labelled_images(rows, (8, 8), 3)
    made = network(backend, spec_of("resnet"), images=(images, labels))
    with pytest.raises(ValueError, match=r"^batch norm: a training batch of one row has no variance"):
        made.train_epoch(0, np.arange(rows), 0.01)


@pytest.mark.parametrize(("rate", "kept"), [(0.0, 1.0), (1e-7, 1.0), (0.5, 0.5), (0.9, 0.1), (1 - 1e-7, 0.0)])
def test_dropout_of_nearly_all_keeps_nearly_nothing(rate, kept):
    """The same share in numpy and torch, at the ends of what 16 bits can say, too."""
    ours, theirs = np.empty((400, 100), dtype=bool), torch.empty(400, 100)
    Host().keep_mask((0, 0, 0), 1.0 - rate, ours)
    masks = HostMasks()
    masks.restart((0, 0, 0))
    masks.fill(theirs, rate)
    for share in (ours.mean(), theirs.mean().item()):
        assert share == pytest.approx(kept, abs=0.02 if 0 < kept < 1 else 0)


@pytest.mark.parametrize("rate", [1 - 1e-7, 1 - 1e-12])
def test_a_network_that_drops_all_but_the_bias_answers_so(backend, rate):
    """Its loss is that of equal probabilities: torch kept everything, as did cupy's kernels at the second rate."""
    spec = spec_of(layers=(Linear(64, 50), Dropout(rate), Linear(50, 3)))
    losses = network(backend, spec).train_epoch(0, np.arange(7), 0.0).losses
    np.testing.assert_allclose(losses, np.log(3), rtol=1e-6)


def test_a_convolution_that_only_gives_its_inputs_gradient_keeps_no_gradients_of_weights(monkeypatch):
    """On several threads it had the weights' parts for every block of images."""
    monkeypatch.setattr(Host, "block_bytes", 1)
    made = network(BACKENDS["numpy"], spec_of("cnn"), threads=2)
    gradient = made.input_gradient(FLOATS, LABELS)
    learning, frozen = (layers[0] for layers in (made._layers, made._frozen._layers))
    assert (len(learning._weight_parts), len(frozen._weight_parts), len(frozen._bias_parts)) == (16, 0, 0)
    np.testing.assert_array_equal(gradient, network(BACKENDS["numpy"], spec_of("cnn")).input_gradient(FLOATS, LABELS))


def test_the_peers_batch_norm_is_the_layers():
    """Its eps and momentum, whatever torch's defaults are."""
    spec = spec_of(layers=(Conv2d(1, 2, 3), BatchNorm(2, momentum=0.3, eps=1e-3)))
    norm = sequential(spec, "peer")[1]
    assert (norm.momentum, norm.eps) == (0.3, 1e-3)
