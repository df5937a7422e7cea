"""What is asked for: a suite with changes, where and how it runs. A command's options, or a call's arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, as_typed
from harness.execution.fitting import without
from harness.execution.plan import Plan
from harness.execution.pools import Pool
from harness.execution.pools.choice import cluster_of, pool_of
from harness.machine.host import MOST, Threads, cores
from harness.plugins.loading import Registry
from harness.store import Run
from harness.store.names import folders, located, safe_name
from harness.suite import LoadedSuite, LoadedSuites, load_suite, load_suites
from harness.suite.shipped import suite_path

SuiteSource = str | os.PathLike[str] | Mapping[str, Any] | LoadedSuite
"""A suite: the name of a shipped one, a file's path, the table itself, or one that was loaded."""


@dataclass(frozen=True)
class Request:
    """What is to be run, planned or explained; every field as the option of ``harness run`` that has its name.

    ``assignments`` are ``key.path=value``; ``jobs`` None: one process a core. ``threads`` ``"auto"``: trials share the
    cores, of which they take ``jobs``.
    """

    suite: SuiteSource
    assignments: Sequence[str] = ()
    dataset: str | None = None
    data_directory: Path | None = None
    only: Sequence[str] = ()
    seeds: Sequence[int] | None = None
    device: str | None = None
    jobs: int | None = None
    threads: Threads = 1
    out: Path | None = None
    cluster: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers of processes and threads that no machine has, and processes beside a cluster."""
        for name, value, least in (("jobs", self.jobs, 0), ("threads", None if self.shares else self.threads, 1)):
            if value is not None and not (isinstance(value, int) and least <= value <= MOST):
                auto = ", nor auto" if name == "threads" else ""
                msg = f"--{name} {as_typed(value, 80)}: not a whole number from {least} to {MOST}{auto}"
                raise HarnessError(msg)
        if self.shares and self.cluster is not None:
            msg = "--threads auto beside --cluster: it is for the cores of this machine. Give a number: --threads 1"
            raise HarnessError(msg)
        if self.shares and self.jobs is not None and not 1 <= self.jobs <= cores():
            limit = f"trials share {cores()} cores" if self.jobs else "trials run one after another in this process"
            msg = f"--jobs {self.jobs} beside --threads auto: {limit}. Leave --jobs out, or give a number of threads"
            raise HarnessError(msg)
        if self.cluster is not None and self.jobs is not None:
            what = "a worker runs as many trials at once as it has threads"
            msg = f"--jobs {self.jobs} beside --cluster: {what}. Leave --jobs out"
            raise HarnessError(msg)

    @property
    def shares(self) -> bool:
        """Whether trials share the cores."""
        return self.threads == "auto"

    @property
    def each(self) -> int:
        """Threads of every trial; where trials share the cores, those that it has before they do."""
        return 1 if self.threads == "auto" else self.threads

    @contextmanager
    def pool(self, suites: Sequence[LoadedSuite], plugins: Registry, say: Callable[[str], None]) -> Iterator[Pool]:
        """Yield where the trials of its suites run; what it has started ends with the block.

        ``say`` takes lines about a cluster.

        Raises:
            HarnessError: the cluster cannot be used.
        """
        with ExitStack() as stack:
            if self.cluster is None:
                yield stack.enter_context(pool_of(self.jobs, self.each, plugins))
            else:
                yield stack.enter_context(cluster_of(self.cluster, self.each, plugins, suites, say))

    def load(self, plugins: Registry, only: Sequence[str] | None = None) -> LoadedSuite:
        """Return the suite, changed; what the ``only`` experiments need must be installed.

        Raises:
            HarnessError: it or one of the changes is wrong.
        """
        return load_suite(self._source(), plugins, **self._changes(only))

    def load_all(self, plugins: Registry, only: Sequence[str] | None = None) -> LoadedSuites:
        """Return the suites that it makes of several datasets, or its only one; as `load`.

        Raises:
            HarnessError: it or one of the changes is wrong.
        """
        source = self._source()
        if isinstance(source, LoadedSuite):
            loaded = self.load(plugins, only)
            return LoadedSuites([loaded], dict(loaded.among))
        return load_suites(source, plugins, **self._changes(only))

    def root(self, loaded: LoadedSuite) -> Path:
        """Return the directory of a suite's runs: ``out``, or ``runs/SUITE[-DATASET]``."""
        return self.out or Path("runs") / located(Path("runs"), {loaded.label: safe_name(loaded.label)})[loaded.label]

    @property
    def command(self) -> list[str]:
        """The command that asks for the same, as words; of a table or a loaded suite the call alone."""
        if not isinstance(self.suite, str | os.PathLike):
            return ["harness.run"]
        seeds = None if self.seeds is None else ",".join(map(str, self.seeds))
        given = [
            ("dataset", self.dataset), ("data-dir", self.data_directory), ("seeds", seeds), ("device", self.device),
            ("jobs", self.jobs), ("threads", None if self.threads == 1 else self.threads), ("out", self.out),
            *(("set", text) for text in self.assignments), *(("only", name) for name in self.only),
        ]  # fmt: skip
        options = [word for name, value in given if value is not None for word in (f"--{name}", str(value))]
        return ["harness", "run", os.fspath(self.suite), *options]

    def directory(self, loaded: LoadedSuite) -> Path:
        """Return the run directory: `root`, or within it the folder of one of several datasets."""
        root = self.root(loaded)
        return root / located(root, folders(loaded.among))[loaded.member] if loaded.member else root

    def _source(self) -> Path | Mapping[str, Any] | LoadedSuite:
        return suite_path(Path(self.suite)) if isinstance(self.suite, str | os.PathLike) else self.suite

    def _changes(self, only: Sequence[str] | None) -> dict[str, Any]:
        return {
            "assignments": self.assignments,
            "dataset": self.dataset,
            "data_directory": self.data_directory,
            "seeds": self.seeds,
            "only": self.only if only is None else only,
        }


def planned_run(directory: Path, loaded: LoadedSuite, made: Plan) -> Run:
    """Return the run of a plan."""
    planned = [(trial.row.experiment, trial.row.seed) for trial in made.trials]
    return Run(directory, without(loaded.suite, made.left_out), made.dataset, planned, made.components)
