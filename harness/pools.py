"""Where jobs run."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Pool(Protocol):
    """Takes a job, a function of a picklable specification, and gives its result as a future."""

    def submit(self, job: Callable[..., T], *arguments: Any) -> Future[T]:
        """Queue a job."""
        ...


class InProcess:
    """Runs each job at once, in this process. An exception is the future's; an interrupt is the caller's."""

    def submit(self, job: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run a job, and return its finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(job(*arguments))
        except Exception as error:  # noqa: BLE001 - whatever a job raises belongs to its future
            future.set_exception(error)
        return future
