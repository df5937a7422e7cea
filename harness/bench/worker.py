"""The inside of a process that measures one case: it makes it ready, then runs it on request."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from time import perf_counter, process_time

from harness.bench.cases import Case
from harness.bench.measurements import Measurement
from harness.bench.memory import PeakMemory
from harness.bench.pace import spin_up
from harness.bench.prepared import UnavailableError, prepare
from harness.datasets.cache import CachedDataset
from harness.errors import one_line
from harness.machine.children import end_with_parent
from harness.machine.contention import Waiting


@dataclass(frozen=True)
class Built:
    """The network stands: the process has started."""


@dataclass(frozen=True)
class Ready:
    """The case is warm; what there is to say of it."""

    told: Measurement
    """With the seconds of the warm-up, which are no result."""
    peak_anonymous_bytes: int | None
    kernels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """A run: when it began and ended by a clock that all processes share, and how it went with the cores."""

    started: float
    ended: float
    cpu: float
    """Seconds that its threads worked."""
    waited: float | None
    """The share of their time for which they were ready and had none."""
    repeats: int = 1
    """How often it did the case's work."""


@dataclass(frozen=True)
class Refused:
    """The case cannot run here: what `UnavailableError` says."""

    reason: str
    everywhere: bool


@dataclass(frozen=True)
class Failed:
    """What it raised, in one line."""

    reason: str


Message = Built | Ready | Ran | Refused | Failed


def serve(connection: Connection, case: Case, dataset: CachedDataset) -> None:
    """Make a case ready and run it at every time that comes through the connection, until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver hears it, and ends us
    parent = parent_process()
    if parent and parent.pid:
        end_with_parent(parent.pid)
    os.dup2(2, 1)  # what a library prints must not get into the measurements
    try:
        _serve(connection, case, dataset)
    except UnavailableError as error:
        connection.send(Refused(error.reason, error.everywhere))
    except (EOFError, BrokenPipeError):
        pass  # the driver has all that it wants, or is gone
    except BaseException as error:  # noqa: BLE001 - whatever a backend raises is its own case's result
        connection.send(Failed(one_line(error)))


def _serve(connection: Connection, case: Case, dataset: CachedDataset) -> None:
    with PeakMemory() as memory:
        prepared = prepare(case, dataset=dataset, built=lambda: connection.send(Built()))
    with prepared:
        connection.send(Ready(prepared.measured([1.0]), memory.bytes, prepared.kernels))
        while True:
            start = connection.recv()
            waiting, worked = Waiting(), process_time()
            while perf_counter() < start:
                pass  # awake when its time comes, as another process of the same case is
            if prepared.accelerated:
                spin_up(prepared.run)
            started = perf_counter()
            for _ in range(prepared.repeats):
                prepared.run()
            ended = perf_counter()
            connection.send(Ran(started, ended, process_time() - worked, waiting.share(), prepared.repeats))
