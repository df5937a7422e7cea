"""What a pool is given, and what it gives back."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Report = Callable[[Any], None]
"""Takes something that a job has to say while it goes."""

Job = Callable[[Any, Report], Any]
"""A function of a module, with a picklable argument and result; what it reports is picklable too."""


@dataclass(frozen=True)
class Task:
    """A job, what it works on, and under which conditions.

    ``title`` heads its part of the ``log``, a file to which everything goes that the job prints, and its traceback.
    ``timeout`` is in seconds. ``isolated``: third-party code takes part. A pool of processes starts a new one for such
    a task and ends it afterwards; the processes of all other tasks load no third-party plugin.
    """

    job: Job
    argument: Any
    title: str
    log: Path | None = None
    timeout: float | None = None
    isolated: bool = False


@dataclass(frozen=True)
class Failure:
    """How a job failed; the reason is one line. ``died``: its process ended without a word, whosever fault that was."""

    status: Literal["failed", "timed out", "died"]
    reason: str

    @property
    def of_row(self) -> Literal["failed", "timed out"]:
        """The status of a trial that ended so."""
        return "timed out" if self.status == "timed out" else "failed"


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
