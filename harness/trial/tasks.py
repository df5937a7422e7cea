"""A job, the task that a pool is given, and the failure that it may give back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from harness.plugins.loading import Registry

Report = Callable[[Any], None]
"""Takes what a job has to say while it runs."""

Job = Callable[[Any, Registry, Report], Any]
"""A function of a module, called with its picklable argument, what is installed where it runs, and a `Report`.

Its result, and what it reports, are picklable too.
"""


Use = Literal["data", "read", "write", "update"]
"""What a job does with a path: it reads a cached dataset's folder, reads a file, writes one, or does both."""
Locate = Callable[[Path, Use], Path]
"""Returns where a path lies on the machine that runs a job."""


class Movable(Protocol):
    """An argument that names files. Another machine finds them elsewhere."""

    def moved(self, locate: Locate) -> Self:
        """Return the same with every path replaced; ``locate`` is called for each, in the same order every time."""
        ...


@dataclass(frozen=True)
class Task:
    """A job, what it works on, and under which conditions.

    ``title`` heads its part of the ``log``, a file to which everything goes that the job prints, and its traceback.
    ``timeout`` is in seconds. ``isolated``: third-party code takes part. A pool of processes starts a new one for such
    a task and ends it afterwards; the processes of all other tasks load no third-party plugin. ``report_seconds``:
    what its job reports is passed on at most this often, that of the time between together. ``variables``: of the
    environment of its process, where they differ from those of the pool's others. Only a pool of processes sets
    them: it starts a new one, and keeps it for tasks of the same variables alone.
    """

    job: Job
    argument: Any
    title: str
    log: Path | None = None
    timeout: float | None = None
    isolated: bool = False
    report_seconds: float = 0.1
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """How a job failed; the reason is one line.

    ``died``: its process ended without a word, whosever fault that was. ``lost``: the machine that ran it has gone.
    ``no room``: its machine has no room for the dataset, and the job did not begin.
    """

    status: Literal["failed", "timed out", "died", "lost", "no room"]
    reason: str

    @property
    def of_row(self) -> Literal["failed", "timed out"]:
        """The status of a trial that ended so."""
        return "timed out" if self.status == "timed out" else "failed"
