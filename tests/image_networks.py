"""Networks of every layer kind that sees images, and what one step of them gives."""

import numpy as np
import pytest

from harness.interfaces import (
    Activation,
    AveragePool2d,
    BatchNorm,
    Context,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Residual,
)
from harness.optimizers import SGD
from harness.seeding import initial_state

CNN = (
    Conv2d(1, 6, kernel=3, padding=1), BatchNorm(6), Activation("relu"), MaxPool2d(2),
    Conv2d(6, 8, kernel=3, padding=1), Activation("relu"), MaxPool2d(2), Dropout(0.0),
    Flatten(), Linear(32, 16), BatchNorm(16), Activation("relu"), Linear(16, 10),
)  # fmt: skip
"""Of images of 8 × 8 and ten classes."""
RESNET = (
    Conv2d(1, 8, kernel=3, padding=1, bias=False), BatchNorm(8), Activation("relu"),
    Residual((
        Conv2d(8, 8, kernel=3, padding=1, bias=False), BatchNorm(8), Activation("relu"), Dropout(0.0),
        Conv2d(8, 8, kernel=3, padding=1, bias=False), BatchNorm(8),
    )),
    Activation("relu"),
    Residual((
        Conv2d(8, 16, kernel=3, stride=2, padding=1, bias=False), BatchNorm(16), Activation("relu"),
        Conv2d(16, 16, kernel=3, padding=1, bias=False), BatchNorm(16),
    )),
    Activation("relu"), GlobalAveragePool(), Linear(16, 10),
)  # fmt: skip
"""The same with residual blocks, one of which halves the image."""
CHAINS = {
    "cnn": ((8, 8), CNN),
    "resnet": ((8, 8), RESNET),
    "colour, strides, no padding": (
        (9, 11, 3),
        (
            Conv2d(3, 5, kernel=3, stride=2, padding=1), Activation("tanh"), Conv2d(5, 20, kernel=2),
            AveragePool2d(2), Activation("silu"), Flatten(), Linear(80, 10),
        ),
    ),
    "windows that leave lines over": (
        (8, 10),
        (
            Conv2d(1, 4, kernel=1), Activation("gelu"), MaxPool2d(3), Conv2d(4, 17, kernel=2, stride=3, padding=1),
            BatchNorm(17), AveragePool2d(1), GlobalAveragePool(), Linear(17, 10),
        ),
    ),
    "overwriting first in a residual": (
        (6, 6, 2),
        (
            Residual((Activation("leaky_relu"), BatchNorm(2), Conv2d(2, 3, kernel=5, stride=3, padding=2, bias=False))),
            Residual((Dropout(0.0), Activation("relu"), MaxPool2d(1))), Flatten(),
            Residual((Linear(12, 7), Activation("tanh"))), Linear(7, 10),
        ),
    ),
}  # fmt: skip
"""Networks by what is particular in them: input shape and layers."""


def spec_of(name, **keys):
    shape, layers = CHAINS[name]
    return NetworkSpec(shape, 10, layers, **{"batch_size": 32} | keys)


def float64_state(spec, seed=0):
    """Return initial values, none of them 0 or the identity: a mistake in a bias or a scale would not show."""
    rng = np.random.default_rng(seed)
    return {
        key: value + (0 if "running" in key else 0.1 * rng.standard_normal(value.shape))
        for key, value in initial_state(spec, seed).items()
    }


def built(backend, spec, images, *, state=None, optimizer=None, precision="float64", **context):
    """Return a network with its images attached."""
    place = Context(context.pop("seed", 0), **{"device": "auto"} | context, precision=precision)
    network = backend.build(spec, state or float64_state(spec), optimizer or SGD(), place)
    network.attach(*images)
    return network


def gradients_of_one_step(backend, spec, images, state):
    """Return the statistics, the gradients by key, and the state after a step of plain descent at a rate of 1."""
    network = built(backend, spec, images, state=state)
    stats = network.train_epoch(0, np.arange(len(images[1])), 1.0)
    after = network.state()
    return stats, {block.key: state[block.key] - after[block.key] for block in spec.parameters()}, after


def assert_as_autograd(backend, spec, images, state):
    """Verify the loss, the gradients and the running statistics of one step against torch's autograd, in float64."""
    autograd = pytest.importorskip("tests.autograd")
    stats, gradients, after = gradients_of_one_step(backend, spec, images, state)
    loss, expected, values = autograd.loss_and_gradients(spec, state, *images)
    assert stats.losses[0] == pytest.approx(loss, rel=1e-11)
    for key, value in expected.items():
        scale = max(1.0, np.abs(value).max())
        np.testing.assert_allclose(gradients[key], value, rtol=1e-7, atol=1e-9 * scale, err_msg=key)
    for key in (key for key in after if "running" in key):
        np.testing.assert_allclose(after[key], values[key].numpy(), rtol=1e-10, atol=1e-12, err_msg=key)
