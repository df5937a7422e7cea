"""What is measured: the work of a backend, a peer or a perturbation, on one network, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.errors import HarnessError, nearest, shown
from harness.execution.probe import Answer, Question, probe
from harness.interfaces import Context, LabelledImages, NetworkSpec, Precision
from harness.plugins.loading import registry
from harness.seeding import generator
from harness.suite.models import Experiment
from harness.suite.network import network_spec
from harness.trial.specs import OptimizerSpec

Kind = Literal["backend", "peer", "perturbation", "dataset"]
Work = Literal["train", "predict", "evaluate", "products", "perturb", "load"]
WORKS: tuple[Work, ...] = ("train", "predict")
"""What a backend does for a suite all the time."""
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
"""Those that a case may have."""

SHAPE = (28, 28)
CLASSES = 47
SEED = 0
ROWS = 51_200
"""Images of one run: a hundred batches."""
SEVERITIES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Of every perturbation, in an evaluation."""


def _experiment(**keys: Any) -> Experiment:
    return Experiment.model_validate({"optimizer": {"name": "adam", "learning_rate": 0.001}, "batch_size": 512} | keys)


NETWORKS: Mapping[str, Experiment] = {
    "M0": _experiment(hidden_layers=[128, 64]),
    "M1g": _experiment(hidden_layers=[400, 240, 120]),
    "M3b": _experiment(hidden_layers=[400, 400], activation="silu", batch_norm=True, dropout=0.3, weight_decay=1e-4),
}
"""The paper's networks, all trained by Adam in batches of 512, so that they differ in nothing but their layers."""
ALSO = {"M2": "M1g"}
"""Networks that are another's, layer by layer."""


@dataclass(frozen=True)
class Case:
    """What does what, on which network, and where: ``rows`` images on a device as a suite names it.

    ``backend`` is the component's name, whatever its kind. ``processes`` do the same at the same time, each with
    ``threads`` and all of the rows. ``kernel`` and ``variables`` choose another kernel of the matrix library than it
    would take. ``perturbations`` are those of an evaluation.
    """

    backend: str
    network: str
    work: Work
    device: str = "auto"
    threads: int = 1
    rows: int = ROWS
    kind: Kind = "backend"
    processes: int = 1
    precision: Precision = "float32"
    kernel: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    perturbations: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call it: ``"numpy M0 train"``, ``"numpy M0 train, 2 processes"``."""
        return case_title(self.backend, self.network, self.work, self.precision, self.kernel, self.processes)

    @property
    def learning_rate(self) -> float:
        """The learning rate of its training."""
        return NETWORKS[self.network].optimizer.learning_rate

    def spec(self) -> NetworkSpec:
        """Return the network to build."""
        return network_spec(NETWORKS[self.network], SHAPE, CLASSES)

    def context(self, device: str) -> Context:
        """Return where and how the network runs."""
        return Context(SEED, device=device, threads=self.threads, precision=self.precision)

    def optimizer(self) -> OptimizerSpec:
        """Return the optimizer to train it with."""
        table = NETWORKS[self.network].optimizer
        return OptimizerSpec(table.name, table.options, Path())

    def ask(self) -> Answer:
        """Return the devices here that a backend may use, or the reason why it cannot run; loads its framework."""
        question = Question((self.backend,), self.device, self.spec(), self.optimizer(), self.precision)
        return probe([question], registry(), _nobody)[0]


def case_title(name: str, network: str, work: str, precision: str, kernel: str, processes: int) -> str:
    """Return what people call a case: what is as usual is not said."""
    words = [name, network, work, precision if precision != "float32" else "", f"({kernel})" if kernel else ""]
    return " ".join(filter(None, words)) + (f", {processes} processes" if processes > 1 else "")


def cases_for(
    backends: Sequence[str] = (),
    networks: Sequence[str] = (),
    works: Sequence[Work] = WORKS,
    *,
    device: str = "auto",
    threads: int = 1,
    rows: int = ROWS,
    processes: int = 1,
    precisions: Sequence[str] = ("float32",),
) -> list[Case]:
    """Return the cases of some backends and networks, by default of all that are installed and known.

    Raises:
        HarnessError: no plugin offers such a backend, there is no such network or precision, or the rows are too few.
    """
    if rows < CLASSES:
        msg = f"{rows} rows are too few: at least {CLASSES} are needed, an image of each class"
        raise HarnessError(msg)
    for name in backends:
        registry().find("backend", name)
    for name in precisions:
        if name not in PRECISIONS:
            msg = f"unknown precision {shown(name)}. {nearest(name, PRECISIONS)}"
            raise HarnessError(msg)
    return [
        Case(name, network, work, device, threads, rows, processes=processes, precision=precision)
        for name in dict.fromkeys(backends or sorted(registry().named("backend")))
        for precision in [known for known in PRECISIONS if known in precisions]
        for network in known_networks(networks)
        for work in works
    ]


def known_networks(names: Sequence[str]) -> list[str]:
    """Return the networks that some names mean, each once; all without a name.

    Raises:
        HarnessError: there is no such network.
    """
    known = {name: name for name in NETWORKS} | ALSO
    for name in names:
        if name not in known:
            msg = f"unknown network {shown(name)}. {nearest(name, known)}"
            raise HarnessError(msg)
    return list(dict.fromkeys(known[name] for name in names or NETWORKS))


@cache
def synthetic(rows: int) -> LabelledImages:
    """Return random images (rows, 28, 28) uint8 and labels (rows,): the same everywhere, and nothing to download.

    Every class has its share of the rows, which are at least as many as there are classes. No margin of the images is
    black: a backend that leaves such margins out of its products gains nothing from it here.
    """
    draw = generator(0, "benchmark images", rows)
    images = draw.integers(0, 256, (rows, *SHAPE), dtype=np.uint8)
    labels = draw.permutation(np.arange(rows, dtype=np.int64) % CLASSES)
    return LabelledImages(images, labels, tuple(map(str, range(CLASSES))))


def _nobody(_record: object) -> None:
    """Take a record: nobody waits for it."""
