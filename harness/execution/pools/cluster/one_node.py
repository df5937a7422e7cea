"""A node as a pool, for questions that each node is asked."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from harness.execution.pools.cluster.nodes import Member
from harness.trial.tasks import Report, Task


class OneNode:
    """A node as a pool: a task that is submitted has ended when the call returns. For questions."""

    slots = 1

    def __init__(self, member: Member, perform: Callable[[Member, Task], Any]) -> None:
        self._member, self._perform = member, perform

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:  # noqa: ARG002 - it has no listener
        """Have a task done on the node."""
        future: Future[Any] = Future()
        future.set_result(self._perform(self._member, task))
        return future

    def wait(self) -> list[Future[Any]]:
        """Return nothing: every task has ended."""
        return []

    def stop(self) -> None:
        """Do nothing: nothing runs."""
