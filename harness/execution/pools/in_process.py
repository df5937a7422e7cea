"""Runs jobs in this process: nothing to start, nothing between a debugger and the job."""

from concurrent.futures import Future
from time import monotonic
from typing import Any

from harness.execution.pools.perform import TimedOutError, perform
from harness.plugins.loading import Registry
from harness.trial.tasks import Report, Task


class InProcess:
    """Runs a task when it is waited for.

    A time limit is noticed when the job next reports. A job that ends the interpreter ends the driver with it, and no
    task is isolated from another. ``registry``: what its jobs are given as what is installed.
    """

    slots = 1

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._submitted: list[tuple[Task, Report | None, Future[Any]]] = []

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:
        """Take a task for the next `wait`."""
        future: Future[Any] = Future()
        self._submitted.append((task, report, future))
        return future

    def wait(self) -> list[Future[Any]]:
        """Run what was submitted since the last call."""
        submitted, self._submitted = self._submitted, []
        for task, report, future in submitted:
            future.set_result(self._run(task, report))
        return [future for _, _, future in submitted]

    def stop(self) -> None:
        """Forget what was submitted: nothing runs between calls."""
        self._submitted = []

    def _run(self, task: Task, report: Report | None) -> Any:
        started = monotonic()

        def watched(said: Any) -> None:
            if report:
                report(said)
            if task.timeout is not None and monotonic() - started > task.timeout:
                raise TimedOutError

        return perform(task, lambda: self._registry, watched, own_process=False)
