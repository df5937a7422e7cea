"""JAX against its contract; and what only JAX can get wrong."""

import numpy as np

from harness.conformance import BackendConformance
from harness.interfaces import Context, Linear, NetworkSpec
from harness.optimizers import Adam
from harness.seeding import initial_state
from harness_jax.backend import JaxBackend
from harness_jax.network import train


class TestJax(BackendConformance):
    name = "jax"


def test_compiles_once_for_a_batch_and_once_for_the_last_smaller_one():
    """Epochs, rates, seeds and steps are arguments of the compiled step, not part of it."""
    spec = NetworkSpec((2, 2), 3, (Linear(4, 3),), batch_size=4)
    network = JaxBackend().build(spec, initial_state(spec, 0), Adam(), Context(0, device="cpu"))
    network.attach(np.zeros((10, 2, 2), np.uint8), np.arange(10) % 3)
    before = train._cache_size()
    for epoch in range(3):
        network.train_epoch(epoch, np.arange(10), 0.1 / (epoch + 1))
    assert train._cache_size() - before == 2
