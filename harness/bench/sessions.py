"""A case in fresh processes, which start as a pool's workers do and wait between two runs."""

import os
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from time import perf_counter, process_time, sleep
from types import TracebackType
from typing import Self, TypeVar

from harness.bench.cases import Case
from harness.bench.measurements import Measurement
from harness.bench.prepared import UnavailableError
from harness.bench.process import FailedError, Worker
from harness.bench.worker import Built, Failed, Ran, Ready, Refused
from harness.datasets.cache import CachedDataset
from harness.errors import shown
from harness.machine.contention import busy
from harness.machine.pages import with_huge_pages
from harness.machine.threads import variables_of
from harness.plugins.vetting import VETTED

PAUSE = 0.05
"""Seconds before a run: threads of the last case's libraries spin a while (OpenBLAS: 26 ms) before they sleep."""
AHEAD = 0.002
"""Seconds between the order to run and its time: enough for every process of a case to be awake."""
M = TypeVar("M", Built, Ready, Ran)


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
        """Seconds from the start of each process until its network was built."""
        self.peak_anonymous_bytes: int | None = None
        """Of the largest process, until it was warm."""
        self.kernels: Mapping[str, Mapping[str, str]] = {}
        self._waited: list[float] = []
        self._others: list[float] = []
        self._warm: Measurement | None = None
        base = plain if case.kind == "peer" else with_huge_pages(os.environ)
        threads = variables_of(case.threads)
        self._environment = {**base, **threads, **dict(case.variables), VETTED: "1"}
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
            worker.send(start)
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
        if self._warm is None:
            raise RuntimeError("nothing is measured before the processes have started")
        return replace(
            self._warm,
            seconds=tuple(seconds),
            startup_seconds=tuple(self.startup),
            peak_anonymous_bytes=self.peak_anonymous_bytes,
            waited=median(self._waited) if self._waited else None,
            others=median(self._others) if self._others else None,
        )

    def close(self) -> None:
        """End the processes: what they hold ends with them."""
        for worker in self._workers:
            worker.end()
        self._workers = []

    def _start(self) -> None:
        started = perf_counter()
        worker = Worker(self._environment)
        self._workers.append(worker)
        worker.send((self.case, self._dataset))
        self._expect(worker, Built, started)
        self.startup.append(perf_counter() - started)
        ready = self._expect(worker, Ready, started)
        self._warm, self.kernels = ready.measurement, ready.kernels
        peaks = (self.peak_anonymous_bytes, ready.peak_anonymous_bytes)
        self.peak_anonymous_bytes = max((peak for peak in peaks if peak is not None), default=None)

    def _expect(self, worker: Worker, kind: type[M], since: float) -> M:
        """Return a process's next message, which is of a kind unless something is wrong, in time from ``since`` on."""
        try:
            message = worker.hear(None if self._timeout is None else since + self._timeout)
        except TimeoutError:
            msg = f"took longer than {self._timeout:g} s"
            raise FailedError(msg) from None
        if isinstance(message, Refused):
            raise UnavailableError(self.case, message.reason, everywhere=message.everywhere)
        if isinstance(message, Failed):
            raise FailedError(message.reason)
        if not isinstance(message, kind):
            msg = f"its process said {shown(message)} where {kind.__name__} was expected"
            raise FailedError(msg)
        return message
