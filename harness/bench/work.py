"""What a network does in one run of a benchmark, and what verifies the result, outside the clock."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.bench.cases import SEED, SEVERITIES, Case
from harness.bench.networks import CLASSES, LEARNING_RATE
from harness.interfaces import Labelled, Network
from harness.plugins.loading import Registry
from harness.plugins.perturbations import levels_of
from harness.seeding import epoch_order
from harness.trial.evaluation import evaluate
from harness.trial.inputs import read_only
from harness.trial.jobs import named_perturbs
from harness.trial.outputs import read_predictions, read_stats
from harness.trial.robustness import Robustness


def work_of(
    case: Case, network: Network, data: Labelled, plugins: Registry
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what a backend's network is to do, and what verifies the last result of it, outside the clock."""
    rows = read_only(np.arange(case.rows, dtype=np.int64))
    if case.work == "evaluate":
        return evaluation(case, [network], data, plugins), lambda: None  # an evaluation verifies what it is given
    order, epoch = read_only(epoch_order(SEED, 0, rows)), iter(range(2**31))
    returned: list[Any] = [None]

    def train() -> None:
        returned[0] = network.train_epoch(next(epoch), order, LEARNING_RATE)
        network.synchronize()

    def predict() -> None:
        returned[0] = network.predict(rows)
        network.synchronize()

    if case.work == "train":
        return train, lambda: _nothing(read_stats(returned[0], case.rows, case.spec.batch_size, 0))
    return predict, lambda: _nothing(read_predictions(returned[0], data.labels, CLASSES))


def evaluation(case: Case, networks: Sequence[Network], data: Labelled, plugins: Registry) -> Callable[[], None]:
    """Return the measuring of networks on every row under the case's perturbations."""
    severities = {name: levels_of(plugins.find("perturbation", name)) for name in case.perturbations}
    tables = [
        Robustness(
            perturbation=name, severities=list(SEVERITIES) if len(levels) != len(SEVERITIES) else levels, seed=SEED
        )
        for name, levels in severities.items()
    ]
    perturbs, rows = named_perturbs(tables, plugins), np.arange(case.rows, dtype=np.int64)

    def measure() -> None:
        for tested in evaluate(networks, data.features, data.labels, rows, CLASSES, perturbs):
            tested.whole()

    return measure


def _nothing(_result: object) -> None:
    """Drop a result."""
