"""What every pool does."""

from concurrent.futures import Future
from typing import Any, Protocol

from harness.trial.tasks import Report, Task


class Pool(Protocol):
    """Takes tasks and gives futures of their result, or of a `Failure`: a future never raises what a job raised."""

    slots: int
    """Tasks that run at a time."""

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:
        """Start a task; at most ``slots`` are under way. ``report`` is called, within `wait`, with what the job says.

        What it says is best effort: a pool may leave out some of what comes in quick succession.
        """
        ...

    def wait(self) -> list[Future[Any]]:
        """Wait until a task that is under way has ended, and return those that have since the last call."""
        ...

    def stop(self) -> None:
        """End whatever runs, at once; the pool is not used afterwards, but may be stopped again."""
        ...
