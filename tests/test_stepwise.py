"""The base class for a first backend: what it adds to `step` and `forward`."""

import numpy as np
import pytest

from harness.interfaces import Context
from harness.optimizers import Adam
from harness.seeding import epoch_order, initial_state
from harness.stepwise import StepwiseBackend, StepwiseNetwork
from harness_array.backends import NumpyBackend
from tests.networks import labelled_images, mlp

IMAGES, LABELS = labelled_images(90, (4, 3), 5)


class Softmax(StepwiseNetwork):
    """Softmax regression in float64, the gradient a mean."""

    def step(self, x, y, learning_rate):
        """Train on a batch."""
        logits = self.forward(x)
        right = (logits.argmax(axis=1) == y).sum()
        loss, slope = self.loss(logits, y)
        self.descend({"0.weight": x.T @ slope, "0.bias": slope.sum(axis=0)}, learning_rate)
        return loss, right

    def forward(self, x):
        """Return logits."""
        return x @ self.values["0.weight"] + self.values["0.bias"]


class Backend(StepwiseBackend):
    """Builds it."""

    interface = 2
    network = Softmax


def built(backend, **keys):
    """Return a network of a backend, with the images attached."""
    spec = mlp([12, 5], shape=(4, 3), batch_size=32, **keys)
    network = backend.build(spec, initial_state(spec, 1), Adam(), Context(seed=1, device="cpu", precision="float64"))
    network.attach(IMAGES, LABELS)
    return network


@pytest.mark.parametrize(
    "keys", [{}, {"l2": 0.3}, {"weight_decay": 0.2}, {"l2": 0.1, "weight_decay": 0.1, "gradient": "sum"}]
)
def test_it_trains_as_the_reference_does(keys):
    """Losses, counts and state of three epochs, the last batch smaller; decay and l2 come from `descend`."""
    theirs, ours = built(NumpyBackend(), **keys), built(Backend(), **keys)
    rows = np.arange(90)
    for epoch in range(3):
        order = epoch_order(1, epoch, rows)
        expected, actual = (network.train_epoch(epoch, order, 0.01) for network in (theirs, ours))
        assert actual.losses == pytest.approx(expected.losses, rel=1e-10)
        assert actual.sizes.tolist() == expected.sizes.tolist() == [32, 32, 26]
        assert actual.correct == expected.correct
    expected, actual = theirs.state(), ours.state()
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert actual[key] == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert ours.predict(rows) == pytest.approx(theirs.predict(rows), rel=1e-5, abs=1e-6)


def test_a_state_resumes_and_one_without_moments_starts_the_optimizer_anew():
    """Byte for byte; the copy that `state` gives does not move with training."""
    rows = np.arange(90)
    whole = built(Backend())
    whole.train_epoch(0, rows, 0.01)
    saved = whole.state()
    copies = {key: value.copy() for key, value in saved.items()}
    whole.train_epoch(1, rows, 0.01)
    assert all(np.array_equal(saved[key], copies[key]) for key in copies)
    resumed = built(Backend())
    resumed.load(saved)
    resumed.train_epoch(1, rows, 0.01)
    for key, value in whole.state().items():
        assert np.array_equal(resumed.state()[key], value)
    resumed.load({key: value for key, value in saved.items() if not key.startswith("optimizer.")})
    assert resumed.state()["optimizer.step"] == 0


def test_training_without_images_says_what_to_do():
    """Not an AttributeError."""
    network = built(Backend())
    network.close()
    with pytest.raises(RuntimeError, match="no images are attached"):
        network.predict(np.arange(3))
