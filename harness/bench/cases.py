"""What is measured: a training epoch, or prediction, of one network on one backend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.errors import HarnessError, nearest
from harness.interfaces import LabelledImages, NetworkSpec
from harness.plugins import registry
from harness.probing import Answer, Question, probe
from harness.seeding import generator
from harness.specs import OptimizerSpec, network_spec
from harness.suite.models import Experiment

Work = Literal["train", "predict"]
WORKS: tuple[Work, ...] = ("train", "predict")

SHAPE = (28, 28)
CLASSES = 47
ROWS = 51_200
"""Images of one run: a hundred batches."""


def _experiment(**keys: Any) -> Experiment:
    return Experiment.model_validate({"optimizer": {"name": "adam", "learning_rate": 0.001}, "batch_size": 512} | keys)


NETWORKS: Mapping[str, Experiment] = {
    "M0": _experiment(hidden_layers=[128, 64]),
    "M1g": _experiment(hidden_layers=[400, 240, 120]),
    "M3b": _experiment(hidden_layers=[400, 400], activation="silu", batch_norm=True, dropout=0.3, weight_decay=1e-4),
}
"""The paper's networks, all trained by Adam in batches of 512, so that they differ in nothing but their layers.

M1g is M2's network too.
"""


@dataclass(frozen=True)
class Case:
    """A backend, a network, what it does, and where: ``rows`` images on a device as a suite names it."""

    backend: str
    network: str
    work: Work
    device: str = "auto"
    threads: int = 1
    rows: int = ROWS

    @property
    def title(self) -> str:
        """What people call it: ``"numpy M0 train"``."""
        return f"{self.backend} {self.network} {self.work}"

    @property
    def learning_rate(self) -> float:
        """The learning rate of its training."""
        return NETWORKS[self.network].optimizer.learning_rate

    def spec(self) -> NetworkSpec:
        """Return the network to build."""
        return network_spec(NETWORKS[self.network], SHAPE, CLASSES)

    def optimizer(self) -> OptimizerSpec:
        """Return the optimizer to train it with."""
        table = NETWORKS[self.network].optimizer
        return OptimizerSpec(table.name, table.options, Path())

    def ask(self) -> Answer:
        """Return the devices here that it may use, or the reason why it cannot run; loads the backend's framework."""
        question = Question((self.backend,), self.device, self.spec(), self.optimizer())
        return probe([question], _nobody)[0]


def cases_for(
    backends: Sequence[str] = (),
    networks: Sequence[str] = (),
    works: Sequence[Work] = WORKS,
    *,
    device: str = "auto",
    threads: int = 1,
    rows: int = ROWS,
) -> list[Case]:
    """Return the cases of some backends and networks, by default of all that are installed and known.

    Raises:
        HarnessError: no plugin offers such a backend, or there is no such network.
    """
    for name in backends:
        registry().find("backend", name)
    for name in networks:
        if name not in NETWORKS:
            msg = f"unknown network {name!r}. {nearest(name, NETWORKS)}"
            raise HarnessError(msg)
    return [
        Case(backend, network, work, device, threads, rows)
        for backend in dict.fromkeys(backends or sorted(registry().named("backend")))
        for network in dict.fromkeys(networks or NETWORKS)
        for work in works
    ]


@cache
def synthetic(rows: int) -> LabelledImages:
    """Return random images (rows, 28, 28) uint8 and labels (rows,): the same everywhere, and nothing to download.

    What a step costs does not depend on what the pixels show.
    """
    draw = generator(0, "benchmark images", rows)
    images = draw.integers(0, 256, (rows, *SHAPE), dtype=np.uint8)
    labels = draw.integers(0, CLASSES, rows, dtype=np.int64)
    return LabelledImages(images, labels, tuple(map(str, range(CLASSES))))


def _nobody(_record: object) -> None:
    """Take a record: nobody waits for it."""
