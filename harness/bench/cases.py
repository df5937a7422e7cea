"""What is measured: the work of a backend, a peer or a perturbation, on one network, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from harness.bench.networks import CLASSES, OPTIMIZER, SHAPE, BenchedNetwork
from harness.errors import HarnessError, nearest, shown
from harness.execution.probe import Answer, Question, probe
from harness.interfaces import Context, Labelled, NetworkSpec, Precision
from harness.plugins.loading import Registry
from harness.seeding import generator

Kind = Literal["backend", "peer", "perturbation", "dataset"]
Work = Literal["train", "predict", "evaluate", "products", "perturb", "load"]
WORKS: tuple[Work, ...] = ("train", "predict")
"""What a backend does for a suite all the time."""
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
"""Of matrix products, that a case may have."""

SEED = 0
ROWS = 51_200
"""Images of one run: a hundred batches of 512."""
SEVERITIES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Of a perturbation without five levels, in an evaluation."""


@dataclass(frozen=True)
class Case:
    """What does what, on which network, and where: ``rows`` images on a device as a suite names it.

    ``backend`` is the component's name, whatever its kind; ``network`` is None where there is none: of a perturbation,
    of the cache. ``processes`` do the same at the same time, each with ``threads`` and all of the rows. ``kernel`` and
    ``variables`` choose another kernel of the matrix library than it would take. ``perturbations`` are those of an
    evaluation.
    """

    backend: str
    network: BenchedNetwork | None
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
    def network_name(self) -> str:
        """The network's name; empty where there is none."""
        return self.network.name if self.network else ""

    @property
    def title(self) -> str:
        """Its title: ``"numpy M0 train"``, ``"numpy M0 train, 2 processes"``."""
        return case_title(self.backend, self.network_name, self.work, self.precision, self.kernel, self.processes)

    @property
    def spec(self) -> NetworkSpec:
        """The network to build; of a case that has one."""
        if self.network is None:
            msg = f"{self.title} has no network"
            raise ValueError(msg)
        return self.network.spec

    def context(self, device: str) -> Context:
        """Return where and how the network runs."""
        return Context(SEED, device=device, threads=self.threads, precision=self.precision)

    def ask(self, plugins: Registry) -> Answer:
        """Return the devices here that a backend may use, or the reason why it cannot run; loads its framework."""
        question = Question((self.backend,), self.device, self.spec, OPTIMIZER, self.precision)
        return probe([question], plugins, _nowhere)[0]


def case_title(name: str, network: str, work: str, precision: str, kernel: str, processes: int) -> str:
    """Return a case's title: what is as usual is left out."""
    words = [name, network, work, precision if precision != "float32" else "", f"({kernel})" if kernel else ""]
    return " ".join(filter(None, words)) + (f", {processes} processes" if processes > 1 else "")


def cases_for(
    plugins: Registry,
    networks: Sequence[BenchedNetwork],
    backends: Sequence[str] = (),
    works: Sequence[Work] = WORKS,
    *,
    device: str = "auto",
    threads: int = 1,
    rows: int = ROWS,
    processes: int = 1,
    precisions: Sequence[str] = ("float32",),
) -> list[Case]:
    """Return the cases of some backends on some networks, by default of all backends that are installed.

    Raises:
        HarnessError: no plugin offers such a backend, there is no such precision, or the rows are too few.
    """
    if rows < CLASSES:
        msg = f"{rows} rows are too few: at least {CLASSES} are needed, an image of each class"
        raise HarnessError(msg)
    for name in backends:
        plugins.find("backend", name)
    for name in precisions:
        if name not in PRECISIONS:
            msg = f"unknown precision {shown(name)}. {nearest(name, PRECISIONS)}"
            raise HarnessError(msg)
    return [
        Case(name, network, work, device, threads, rows, processes=processes, precision=precision)
        for name in dict.fromkeys(backends or sorted(plugins.named("backend")))
        for precision in [known for known in PRECISIONS if known in precisions]
        for network in networks
        for work in works
    ]


@cache
def synthetic(rows: int) -> Labelled:
    """Return random images (rows, 28, 28) uint8 and labels (rows,): the same everywhere, and nothing to download.

    Every class has its share of the rows, which are at least as many as there are classes. No margin of the images is
    black: a backend that leaves such margins out of its products gains nothing from it here.
    """
    draw = generator(0, "benchmark images", rows)
    images = draw.integers(0, 256, (rows, *SHAPE), dtype=np.uint8)
    labels = draw.permutation(np.arange(rows, dtype=np.int64) % CLASSES)
    return Labelled(images, labels, tuple(map(str, range(CLASSES))), "image")


def _nowhere(_record: object) -> None:
    """Drop what a job reports."""
