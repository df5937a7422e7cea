"""Questions to plugins that a worker answers: one that hangs, or ends its process, costs its own answer alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.datasets.cache import CachedDataset, obtain
from harness.datasets.info import DatasetInfo
from harness.errors import HarnessError, one_line, shown
from harness.execution.pools import Failure, InProcess, Pool, Task
from harness.execution.pools.pool import Spread
from harness.interfaces import Dataset, Holding, StoredDataset, implements
from harness.plugins.components import Component
from harness.plugins.foreign import foreign, patience
from harness.plugins.loading import Registry
from harness.plugins.options import ComponentSpec, OptionError, build
from harness.text import command
from harness.trial.jobs import load_backend
from harness.trial.tasks import Job, Report

DATASET_SECONDS = 3600.0
"""How long a third party's dataset may take to be read, unless its suite lets a trial take longer."""
_INFO = TypeAdapter(DatasetInfo)
GRACE = 15.0
"""Seconds for a process to start, and to say itself that a call took too long."""


@dataclass(frozen=True)
class BackendState:
    """Whether a backend works here, or why not; and its environment."""

    reason: str | None
    environment: Mapping[str, str]


@dataclass(frozen=True)
class DatasetState:
    """Whether a dataset is here without options: in a word, or why not; and its files, where it is made of files."""

    here: str
    holding: Holding | None = None


def result_of(pool: Pool, task: Task) -> Any:
    """Return what a task gives, or its `Failure`."""
    future = pool.submit(task)
    while not future.done():
        pool.wait()
    pool.wait()
    return future.result()


def ask(pool: Pool, job: Job, about: Sequence[Component]) -> list[Any]:
    """Return what a job says of each component, or a `Failure`.

    The job is given their references, and returns a list; each component has the time of a call. They are asked
    together, and each alone if that failed.
    """
    if not about:
        return []
    names = [component.reference for component in about]
    task = Task(
        job, names, f"ask {', '.join(names)}", timeout=len(names) * patience() + GRACE,
        isolated=not all(component.own for component in about),
    )  # fmt: skip
    result: list[Any] | Failure = result_of(pool, task)
    if not isinstance(result, Failure):
        return result
    return [result] if len(names) == 1 else [answer for component in about for answer in ask(pool, job, [component])]


def read(
    spec: ComponentSpec,
    root: Path,
    built: Dataset,
    component: Component,
    pool: Pool,
    seconds: float | None = None,
    *,
    download: bool = True,
) -> CachedDataset:
    """Return a dataset from the cache at ``root``, where it is put first if need be; a cluster is given its source.

    A third party's is read in a worker, within a limit.

    ``built``: the dataset, which this process reads itself where the pool has no worker, or none is needed.
    ``seconds``: how long a trial may take; if that is longer than `DATASET_SECONDS`, it is the limit. ``download``:
    whether what is not on this machine is downloaded.

    Raises:
        HarnessError: what `harness.datasets.cache.obtain` raises, or the worker ended, or the time did.
    """
    data = _read_here(spec, root, built, component, pool, seconds, download)
    if implements(pool, Spread):
        pool.source(data.info.digest, spec, own=component.own)
    return data


def _read_here(
    spec: ComponentSpec,
    root: Path,
    built: Dataset,
    component: Component,
    pool: Pool,
    seconds: float | None,
    download: bool,
) -> CachedDataset:
    if component.own or isinstance(pool, InProcess):
        return obtain(spec.name, spec.options, built, root, maker=component.identity, download=download)
    limit = max(DATASET_SECONDS, seconds or 0.0)
    title = f"read dataset {spec.name}"
    result = result_of(pool, Task(read_into, (spec, root, download), title, timeout=limit, isolated=True))
    if not isinstance(result, Failure):
        return _received(result, root)
    if result.status == "timed out":
        msg = f"reading it took longer than {limit:g} s; a longer suite.timeout is its limit too"
    else:
        msg = result.reason
    raise HarnessError(msg)


def backend_states(names: Sequence[str], registry: Registry, _report: Report) -> list[BackendState]:
    """Say whether backends work here: a job."""
    return [_backend_state(name, registry) for name in names]


def dataset_states(names: Sequence[str], registry: Registry, _report: Report) -> list[DatasetState]:
    """Say whether datasets are here: a job."""
    return [dataset_state(name, registry) for name in names]


def _backend_state(name: str, registry: Registry) -> BackendState:
    try:
        backend = load_backend(registry.find("backend", name))
        with foreign():
            reason = backend.unavailable("auto")
            environment = {} if reason is not None else backend.environment("auto")
            return BackendState(reason, {str(key): str(value) for key, value in environment.items()})
    except Exception as error:  # noqa: BLE001 - a faulty backend is one that does not work here
        return BackendState(one_line(error), {})


def dataset_state(name: str, registry: Registry) -> DatasetState:
    """Say whether a dataset is here."""
    try:
        built = build(registry.find("dataset", name), {}, Path.cwd())
        with foreign():
            reason = built.unavailable()
            if reason is not None:
                return DatasetState(f"no: {reason}")
            if not implements(built, StoredDataset):
                return DatasetState("yes")
            holding = built.holding()
            if holding is not None:  # plain values: a plugin may return others
                holding = Holding(Path(holding.place), index(holding.size), str(holding.checked))
    except OptionError as error:
        return DatasetState(f"needs options: {error}")
    except Exception as error:  # noqa: BLE001 - a faulty dataset hides no other
        return DatasetState(f"faulty: {one_line(error)}")
    if holding is None:
        fetch = command("harness", "datasets", "fetch", name.rpartition(":")[2])
        return DatasetState(f"no: '{fetch}' downloads it")
    return DatasetState("yes", holding)


def read_into(argument: tuple[ComponentSpec, Path, bool], registry: Registry, _report: Report) -> CachedDataset:
    """Return a dataset from the cache at a root, where it is put first if need be, by a download if that may be: a job.

    The argument: the dataset, the root, and whether what is not on this machine is downloaded.
    """
    spec, root, download = argument
    component = registry.find("dataset", spec.name)
    built = build(component, spec.options, spec.directory)
    return obtain(spec.name, spec.options, built, root, maker=component.identity, download=download)


def _received(result: Any, root: Path) -> CachedDataset:
    """Return a dataset that a process which ran third-party code has put into the cache.

    Raises:
        HarnessError: it is something else.
    """
    try:
        info = _INFO.validate_json(json.dumps(vars(result.info)), strict=True)
        data = CachedDataset(info, root / "datasets" / info.digest)
        if data == result:
            return data
    except (AttributeError, TypeError, ValueError):
        pass
    msg = f"its process returned what a job does not: {shown(result)}"
    raise HarnessError(msg)
