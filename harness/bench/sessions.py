"""A case in fresh processes of its own, which start as a pool's workers do and wait between two runs."""

import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from statistics import median
from time import perf_counter, process_time, sleep
from types import TracebackType
from typing import Self, TypeVar

from harness.bench.cases import Case
from harness.bench.measurements import Measurement
from harness.bench.prepared import UnavailableError
from harness.bench.worker import Built, Failed, Message, Ran, Ready, Refused, serve
from harness.datasets.cache import CachedDataset
from harness.errors import HarnessError, one_line, shown
from harness.execution.pools import plain
from harness.machine.children import SAFE_PATH
from harness.machine.contention import busy
from harness.machine.threads import VARIABLES
from harness.plugins.vetting import VETTED

PAUSE = 0.05
"""Seconds before a run: threads of the last case's libraries spin a while (OpenBLAS: 26 ms) before they sleep."""
AHEAD = 0.002
"""Seconds between the order to run and its time: enough for every process of a case to be awake."""


Worker = tuple[SpawnProcess, Connection]
M = TypeVar("M", Built, Ready, Ran)


class FailedError(HarnessError):
    """A case raised something, its process died, or it took too long."""


class Session:
    """A case's processes; leaving its ``with`` block ends them.

    ``plain``: the environment that the command was given, for peers, which take part as they are at home. A backend
    gets this process's own, as the workers of a run do. ``timeout``: the seconds that each start and each run may take.
    """

    def __init__(
        self, case: Case, dataset: CachedDataset, plain: Mapping[str, str], timeout: float | None = None
    ) -> None:
        self.case = case
        self.startup: list[float] = []
        """Seconds from the start of each process until its network stood."""
        self.peak_anonymous_bytes: int | None = None
        """Of the largest process, until it was warm."""
        self.kernels: Mapping[str, Mapping[str, str]] = {}
        self._waited: list[float] = []
        self._others: list[float] = []
        self._told: Measurement | None = None
        base = plain if case.kind == "peer" else dict(os.environ)
        threads = dict.fromkeys(VARIABLES, str(case.threads))
        self._environment = {**base, **threads, **dict(case.variables), SAFE_PATH: "1", VETTED: "1"}
        self._dataset = dataset
        self._timeout = timeout
        self._workers: list[Worker] = []

    def __enter__(self) -> Self:
        """Start the processes, one after the other, so that none measures the start of another.

        Raises:
            UnavailableError: the case cannot run here.
            FailedError: it cannot be made ready.
        """
        try:
            for _ in range(self.case.processes):
                self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self) -> float:
        """Let every process run once, at the same moment; return the seconds from the first start to the last end.

        Where a run repeats the work, it is the seconds of one repetition.

        Raises:
            FailedError: one raised something, died, or took too long; then all of them are ended.
        """
        try:
            return self._run()
        except FailedError:
            self.close()  # one that hangs would have a core while others are measured
            raise

    def _run(self) -> float:
        sleep(PAUSE)
        before, began = busy(), process_time()
        start = perf_counter() + AHEAD
        for worker in self._workers:
            with suppress(OSError):  # a process that is gone is told of when its answer is read
                worker[1].send(start)
        runs = [self._expect(worker, Ran, start) for worker in self._workers]
        after, ours = busy(), sum(run.cpu for run in runs) + process_time() - began
        seconds = max(run.ended for run in runs) - min(run.started for run in runs)
        self._waited += [run.waited for run in runs if run.waited is not None]
        if before is not None and after is not None:
            cores = self.case.processes * self.case.threads
            self._others.append(max(0.0, after - before - ours) / (seconds * cores))
        return seconds / runs[0].repeats

    def measured(self, seconds: list[float]) -> Measurement:
        """Return the measurement that runs of these seconds make."""
        if self._told is None:
            raise RuntimeError("nothing is measured before the processes have started")
        return replace(
            self._told,
            seconds=tuple(seconds),
            startup_seconds=tuple(self.startup),
            peak_anonymous_bytes=self.peak_anonymous_bytes,
            waited=median(self._waited) if self._waited else None,
            others=median(self._others) if self._others else None,
        )

    def close(self) -> None:
        """End the processes: whatever they hold ends with them."""
        for process, connection in self._workers:
            process.kill()
            connection.close()
            process.join()
        self._workers = []

    def _start(self) -> None:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, self.case, self._dataset), daemon=True)
        with _environment(self._environment):
            started = perf_counter()
            process.start()
        there.close()
        worker = (process, here)
        self._workers.append(worker)
        self._expect(worker, Built, started)
        self.startup.append(perf_counter() - started)
        ready = self._expect(worker, Ready, started)
        self._told, self.kernels = ready.told, ready.kernels
        peaks = (self.peak_anonymous_bytes, ready.peak_anonymous_bytes)
        self.peak_anonymous_bytes = max((peak for peak in peaks if peak is not None), default=None)

    def _expect(self, worker: Worker, kind: type[M], since: float) -> M:
        """Return a process's next message, which is of a kind unless something is wrong, in time from ``since`` on."""
        process, connection = worker
        left = None if self._timeout is None else max(0.0, since + self._timeout - perf_counter())
        try:
            if not connection.poll(left):
                msg = f"took longer than {self._timeout:g} s"
                raise FailedError(msg)
            message: Message = plain.loads(connection.recv_bytes())
        except pickle.UnpicklingError as error:
            msg = f"its process said what is not read: {one_line(error)}"
            raise FailedError(msg) from None
        except (EOFError, OSError):
            process.join(5)
            code = process.exitcode or 0
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            msg = f"its process died ({how})"
            raise FailedError(msg) from None
        if isinstance(message, Refused):
            raise UnavailableError(self.case, message.reason, everywhere=message.everywhere)
        if isinstance(message, Failed):
            raise FailedError(message.reason)
        if not isinstance(message, kind):
            msg = f"its process said {shown(message)} where {kind.__name__} was expected"
            raise FailedError(msg)
        return message


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Have exactly these environment variables within the block: a process that starts there inherits them."""
    kept = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(values)
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
