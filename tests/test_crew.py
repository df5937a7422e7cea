"""Layers of images on several threads: the bits of one thread, and an error of any of them."""

import numpy as np
import pytest

from harness.interfaces import (
    Activation,
    BatchNorm,
    Context,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
)
from harness.machine.threads import limited
from harness.optimizers import Adam
from harness.seeding import initial_state
from harness_array.backends import NumpyBackend
from harness_array.crew import Crew
from harness_array.devices import Host
from tests.networks import labelled_images

ROWS, SHAPE, CLASSES = 50, (9, 7, 2), 4
NETWORKS = {
    "a small one": (
        Conv2d(2, 5, kernel=3, padding=1),
        Activation("relu"),
        MaxPool2d(2),
        Conv2d(5, 4, kernel=2, stride=2),  # its input's gradient is scattered
        Flatten(),
        Linear(8, CLASSES),
    ),
    "a residual one": (
        Conv2d(2, 6, kernel=3, padding=1, bias=False),
        BatchNorm(6),
        Residual((Conv2d(6, 6, kernel=3, padding=1), BatchNorm(6), Activation("silu"), Conv2d(6, 6, kernel=1))),
        GlobalAveragePool(),
        Linear(6, CLASSES),
    ),
}


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_bits_do_not_depend_on_the_threads(monkeypatch, layers):
    """Training, predictions and gradients of inputs; three threads have an unequal number of blocks each."""
    monkeypatch.setattr(Host, "block_bytes", 8192)  # a batch is several blocks, the last a smaller one
    spec = NetworkSpec(layers=layers, input_shape=SHAPE, classes=CLASSES, batch_size=16)
    images, labels = labelled_images(ROWS, SHAPE, CLASSES)
    results = []
    for threads in (1, 2, 3):
        with limited(threads):
            network = NumpyBackend().build(spec, initial_state(spec, 3), Adam(), Context(3, "cpu", threads=threads))
            network.attach(images, labels)
            stats = network.train_epoch(0, np.arange(ROWS), 0.01)
            floats = images.astype(np.float32) / 255
            arrays = [*network.state().values(), network.predict(np.arange(ROWS)), stats.losses]
            results.append([np.copy(array) for array in (*arrays, network.input_gradient(floats, labels))])
            network.close()
    for others in results[1:]:
        for expected, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(expected, other)


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_any_thread_is_raised(failing):
    """In the thread that trains."""

    def work(_member, index, _part):
        if index == failing:
            raise ValueError("block", index)

    with pytest.raises(ValueError, match=f"block.*{failing}"):
        Crew(2).each(work, [slice(0, 1), slice(1, 2)])
