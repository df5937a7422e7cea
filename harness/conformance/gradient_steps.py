"""A backend that solves for its weights: one sentence says so, where each step would differ from the reference's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.conformance.clauses import broken
from harness.interfaces import State, split_state

if TYPE_CHECKING:
    from harness.conformance.bench import Bench

_CLAUSE = (
    "Network.train_epoch: a gradient step for each batch. Only a backend that trains so can be certified; one that "
    "solves for its weights, in closed form or over the whole set, can be used in suites, and fails these tests"
)
_FORGOTTEN = 0.1
"""The most that a solver's epoch leaves of a difference between two starts; gradient steps at a rate of 0 leave all."""


@contextmanager
def gradient_steps(bench: "Bench") -> Iterator[None]:
    """Say of a backend that solves for its weights that it does, in place of what fails within the block."""
    try:
        yield
    except pytest.fail.Exception:
        if _solves(bench):
            expected = "an epoch at a learning rate of 0 that ends at the weights from which it starts"
            broken(_CLAUSE, expected, "the same predictions after it from any weights: no gradient steps")
        raise


def _solves(bench: "Bench") -> bool:
    """Return whether an epoch at a rate of 0 ends at the same predictions from any weights; False where it raises."""
    order = np.concatenate(bench.batches())
    try:
        network = bench.build(bench.plain)
        differences = []
        starts = network.state(), _elsewhere(network.state())
        for trained in (False, True):
            predictions = []
            for start in starts:
                network.load(start)
                if trained:
                    network.train_epoch(0, order, 0.0)
                predictions.append(np.array(network.predict(order), dtype=np.float64))
            differences.append(float(np.abs(predictions[1] - predictions[0]).max()))
    except Exception:  # noqa: BLE001 - whatever it raises is not what the test is about
        return False
    before, after = differences
    return after < _FORGOTTEN * before


def _elsewhere(state: State) -> State:
    """Return a state of other parameters, the optimizer's state as it starts."""
    rng = np.random.default_rng(23)
    network, _ = split_state(state)
    return {
        key: value + rng.standard_normal(value.shape).astype(value.dtype) if key.endswith(("weight", "bias")) else value
        for key, value in network.items()
    }
