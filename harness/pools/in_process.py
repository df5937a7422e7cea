"""Runs jobs in this process: nothing to start, nothing between a debugger and the job."""

from concurrent.futures import Future
from time import monotonic
from typing import Any

from harness.pools.perform import TimedOutError, perform
from harness.pools.tasks import Report, Task


class InProcess:
    """Runs each task at once, when it is submitted.

    A time limit is noticed when the job next reports. A job that ends the interpreter ends the driver with it.
    """

    slots = 1

    def __init__(self) -> None:
        self._done: list[Future[Any]] = []

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:
        """Run a task, and return its finished future."""
        started = monotonic()

        def watched(said: Any) -> None:
            if report:
                report(said)
            if task.timeout is not None and monotonic() - started > task.timeout:
                raise TimedOutError

        future: Future[Any] = Future()
        future.set_result(perform(task, watched, own_process=False))
        self._done.append(future)
        return future

    def wait(self) -> list[Future[Any]]:
        """Return the tasks that were submitted since the last call."""
        done, self._done = self._done, []
        return done

    def stop(self) -> None:
        """Do nothing: nothing runs between calls."""
