"""A trial of the backend under test in a spawned process, as a run trains it."""

from pathlib import Path

import numpy as np

from harness.conformance.bench import SEED, Bench
from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.datasets.splits import SplitTable
from harness.execution.pools import Failure, InProcess, Pool, Processes, Task
from harness.interfaces import Context, State
from harness.plugins.loading import registry
from harness.plugins.options import ComponentSpec
from harness.trial.jobs import train
from harness.trial.schedules import Constant
from harness.trial.specs import Trained, TrialSpec


def trained(bench: Bench, folder: Path) -> dict[str, State | str]:
    """Return the state that a trial ends with, or how it fails, in this process and in a fresh one."""
    spec = _trial(bench, folder)
    pools: dict[str, Pool] = {"this process": InProcess(registry()), "a fresh process": Processes(1)}
    return {where: _run(pool, spec) for where, pool in pools.items()}


def _trial(bench: Bench, folder: Path) -> TrialSpec:
    data, recipe = bench.data, bench.plain
    np.save(folder / "images.npy", data.features)
    np.save(folder / "labels.npy", data.labels)
    height, width = data.features.shape[1:]
    info = DatasetInfo("conformance", "", len(data.labels), data.class_names, shape=(height, width))
    return TrialSpec(
        experiment="conformance",
        seed=SEED,
        data=CachedDataset(info, folder),
        split=SplitTable(),
        network=recipe.spec(data),
        backend=bench.target.name,
        optimizer=ComponentSpec(recipe.rule.name, recipe.rule.options, Path()),
        learning_rate=recipe.rate,
        schedule=Constant(),
        epochs=2,
        early_stopping=None,
        context=Context(SEED, device=bench.backend.devices(bench.device)[0]),  # as a run names it
        fingerprint="",
    )


def _run(pool: Pool, spec: TrialSpec) -> State | str:
    try:
        future = pool.submit(Task(train, spec, "conformance", timeout=300, isolated=True))
        while not future.done():
            pool.wait()
        outcome: Trained | Failure = future.result()
    finally:
        pool.stop()
    return outcome.reason if isinstance(outcome, Failure) else outcome.state
