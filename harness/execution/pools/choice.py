"""Which pool a command's jobs run in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.execution.pools.in_process import InProcess
from harness.execution.pools.pool import Pool
from harness.execution.pools.processes import Processes
from harness.machine.host import cores
from harness.plugins.components import Component, Kind
from harness.plugins.loading import Registry

if TYPE_CHECKING:
    from harness.suite import LoadedSuite


@contextmanager
def pool_of(jobs: int | None, threads: int, registry: Registry) -> Iterator[Pool]:
    """Yield a pool of ``jobs`` processes, by default as many as the cores have room for; it stops after the block.

    ``jobs`` 0: this process itself, whose jobs are given ``registry``.
    """
    slots = max(1, cores() // threads) if jobs is None else jobs
    pool: Pool = Processes(slots) if slots else InProcess(registry)
    try:
        yield pool
    finally:
        pool.stop()


@contextmanager
def cluster_of(
    address: str, threads: int, registry: Registry, suites: Sequence[LoadedSuite], say: Callable[[str], None]
) -> Iterator[Pool]:
    """Yield the pool of a cluster for some suites; what it has started on nodes ends with the block.

    ``say`` takes lines about nodes.

    Raises:
        HarnessError: there is no such cluster, or no node of it can take part.
    """
    from harness.execution.pools.cluster.connection import connected
    from harness.execution.pools.cluster.pool import Cluster

    parts = {part: component for loaded in suites for part, component in components_of(loaded, registry).items()}
    identities = {part: component.identity for part, component in parts.items()}
    third_party = not all(component.own for component in parts.values())
    with connected(address, say) as client:
        pool = Cluster(client, identities, threads, say, third_party=third_party)
        try:
            yield pool
        finally:
            pool.stop()


def components_of(loaded: LoadedSuite, registry: Registry) -> dict[str, Component]:
    """Return the installed components that a suite names, by what rows call them: ``"optimizer lion"``."""
    suite = loaded.suite
    named: list[tuple[Kind, str]] = [("dataset", suite.dataset.name)]
    for experiment in suite.experiments.values():
        named += [("backend", name) for name in experiment.backends]
        named += [("optimizer", experiment.optimizer.name), ("loss", experiment.loss.name)]
        named += [("model", experiment.model.name)] if experiment.model else []
        named += [("perturbation", table.perturbation) for table in experiment.augment]
    named += [("perturbation", table.perturbation) for table in suite.robustness]
    components = {}
    for kind, name in dict.fromkeys(named):
        with suppress(HarnessError):  # what is missing here, planning says
            components[f"{kind} {name}"] = registry.find(kind, name)
    return components
