"""How a backend trains on batches that the core prepares: augmented rows are what it learns from."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import explained, require, require_equal
from harness.interfaces import Batch, BatchTraining, BatchTrainingBackend, implements
from harness.trial.inputs import as_given, read_only

_CLAUSE = "BatchTraining.train_batches does what train_epoch does, a step for each batch, with the batch's rows"
_KEYS: dict[str, dict[str, Any]] = {"plain": {}, "dropout": {"dropout": 0.5}, "batch_norm": {"batch_norm": True}}


class BatchSteps(BackendTests):
    """`BatchTraining.train_batches`, of a backend that says that it takes batches."""

    @pytest.mark.parametrize("name", _KEYS)
    def test_trains_on_the_batches_that_it_is_given(self, bench: Bench, name: str) -> None:
        """BatchTraining.train_batches: the rows of the batches count, not those that are attached.

        Other images are attached than those of the batches; a network that was attached to these is the reference.
        """
        backend: object = bench.backend
        if not (implements(backend, BatchTrainingBackend) and backend.takes_batches is True):
            pytest.skip("it does not take batches")
        recipe = bench.supported(bench.plain.varied(**_KEYS[name]))
        data, size = bench.data, recipe.batch
        others = replace(data, features=np.uint8(255) - data.features)
        fed, attached = bench.build(recipe, others), bench.build(recipe)
        network: Any = fed
        has = implements(network, BatchTraining)
        require(has, _CLAUSE, "a network with train_batches()", "one without")
        order = np.concatenate(bench.batches())[: 3 * size + 5]
        rows = [order[start : start + size] for start in range(0, len(order), size)]
        batches: list[Batch] = [
            (read_only(as_given(data.features[part])), read_only(data.labels[part])) for part in rows
        ]
        with explained(_CLAUSE):
            got = network.train_batches(1, batches, recipe.rate)
        wanted = attached.train_epoch(1, order, recipe.rate)
        require_equal(np.asarray(got.sizes).tolist(), [len(part) for part in rows], _CLAUSE, "steps of sizes")
        same = np.allclose(got.losses, wanted.losses, rtol=1e-3, atol=1e-4)
        require(same, _CLAUSE, f"the losses {_shown(wanted.losses)}", _shown(got.losses))
        states = fed.state(), attached.state()
        for key, value in states[1].items():
            near = np.allclose(states[0][key], value, rtol=1e-2, atol=2e-3)
            require(near, _CLAUSE, f"{key} as after train_epoch on these rows", "another")


def _shown(losses: Any) -> str:
    return "[" + ", ".join(f"{loss:.4g}" for loss in losses) + "]"
