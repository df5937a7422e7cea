"""Lends local pools of one process, each to one task at a time: in the agent on a node, and in the driver."""

import pickle
import threading
from collections.abc import Mapping
from typing import Any

from harness.errors import one_line
from harness.execution.pools.processes import Processes
from harness.plugins.loading import Registry
from harness.trial.tasks import Failure, Report, Task


class Lender:
    """Runs tasks, each in the thread that asks; a process stays for the next task. Options: those of `Processes`."""

    def __init__(self, environment: Mapping[str, str | None] | None = None, *, unread: bool = False) -> None:
        self._environment, self._unread = environment, unread
        self._lock = threading.Lock()
        self._idle: list[Processes] = []
        self._busy: dict[object, Processes] = {}
        self._stopped = False

    def run(self, name: object, task: Task, report: Report | None = None) -> Any:
        """Return a task's result, or its `Failure`; None if `end` or `stop` ended it."""
        with self._lock:
            if self._stopped:
                return None
            pool = self._idle.pop() if self._idle else self._new()
            self._busy[name] = pool
        try:
            future = pool.submit(task, report)
            while not future.done() and name in self._busy:
                pool.wait()
        except (KeyError, ValueError):  # it was ended while it took a message
            if name in self._busy:
                raise
            return None
        finally:
            with self._lock:
                ended = self._busy.pop(name, None) is None
                kept = not ended and not self._stopped
                if kept:
                    self._idle.append(pool)
            if not kept:
                pool.stop()  # it may have been ended before it had a process
        return None if ended or not future.done() else future.result()

    def _new(self) -> Processes:
        return Processes(1, environment=self._environment, unread=self._unread)

    def end(self, name: object) -> None:
        """End a task that is under way, if it is."""
        with self._lock:
            pool = self._busy.pop(name, None)
        if pool:
            pool.stop()

    def stop(self) -> None:
        """End every task and every process."""
        with self._lock:
            self._stopped = True
            pools = [*self._busy.values(), *self._idle]
            self._busy.clear()
            self._idle.clear()
        for pool in pools:
            pool.stop()


def unpacked(content: bytes, registry: Registry, report: Report) -> Any:
    """Perform a job that comes pickled with its argument: a job. The agent passes it on unread."""
    try:
        job, argument = pickle.loads(content)  # noqa: S301 - our own driver wrote it
    except Exception as error:  # noqa: BLE001 - it imports what the task names, which may raise anything
        return Failure("failed", f"its task cannot be read: {one_line(error)}")
    return job(argument, registry, report)
