"""Runs jobs in local processes: one that is killed, hangs or exits loses its job, and no other.

Each process has two pipes to the driver, and shares no lock, no memory, no socket and no file with any other. One that
is killed breaks nothing for the others, and nothing is needed but the interpreter.
"""

import pickle
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from harness.errors import one_line
from harness.execution.pools import plain
from harness.execution.pools.logs import limit
from harness.execution.pools.perform import timed_out
from harness.execution.pools.starting import Message, Process
from harness.machine.supervised import how_it_ended
from harness.trial.tasks import Failure, Report, Task

START_SECONDS = 120.0
"""How long a process may take until it is ready for a task: Python's start, and NumPy's, from a slow network drive."""
_STARTS = 3
"""After this many failed starts in a row no more are tried."""
_GRACE = 1.0
"""Seconds between the end of a process and the moment when nothing more is expected from its pipe."""
_AT_ONCE = 10_000
"""Messages that are taken between two looks at clocks: a process that says more and more must not prevent them."""
_LOOK_SECONDS = 0.25
"""How often clocks and processes are looked at. Short: on Windows no interrupt ends a wait for a queue."""


@dataclass(eq=False)
class _Running:
    """A task that is under way, and the process that it was given to."""

    number: int
    task: Task
    content: bytes = field(repr=False)
    report: Report | None
    process: Process
    begun: bool = False
    restarted: bool = False
    future: Future[Any] = field(default_factory=Future)

    def late(self, now: float) -> bool:
        """Return whether it has taken longer than it may; its process's start does not count."""
        limit = self.task.timeout
        return self.begun and limit is not None and now - self.process.begun_at > limit


class Processes:
    """Runs tasks in ``slots`` processes, which stay for the next one.

    A process that is not ready within ``start_seconds``, or cannot be started at all, fails its task with the reason.
    ``environment``: variables of the processes that differ from this process's, None where they lack one. ``unread``:
    results, and lists of reports, are passed on as they come, pickled; a `Failure` that is none of a job's is itself.
    """

    def __init__(
        self,
        slots: int,
        start_seconds: float = START_SECONDS,
        environment: Mapping[str, str | None] | None = None,
        *,
        unread: bool = False,
    ) -> None:
        self.slots = slots
        self._start_seconds = start_seconds
        self._environment = environment or {}
        self._unread = unread
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._processes: list[Process] = []
        self._free: list[Process] = []
        self._leaving: list[Process] = []
        self._gone: dict[Process, float] = {}
        """When it was noticed that a process has ended, although it should not have."""
        self._running: dict[int, _Running] = {}
        self._early: list[Future[Any]] = []
        """Of tasks that failed as they were submitted."""
        self._count = 0
        self._failed_starts, self._why = 0, ""
        """In a row, and the reason of the last."""
        self._looked = monotonic()

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:
        """Start a task in a process that is free."""
        try:
            content = pickle.dumps(task, protocol=5)
        except Exception as error:  # noqa: BLE001 - pickling a foreign object may raise anything
            return self._failed_early(Failure("failed", f"its task cannot be passed on: {one_line(error)}"))
        if self._failed_starts >= _STARTS:
            return self._failed_early(_cannot_start(self._why))
        self._count += 1
        process = self._process_for(task)
        running = _Running(self._count, task, content, report, process)
        self._give(running, process)
        return running.future

    def wait(self) -> list[Future[Any]]:
        """Wait until a task has ended; pass on what jobs report meanwhile."""
        ended, self._early = self._early, []
        while self._running and not ended:
            self._hear(ended)
            if monotonic() - self._looked >= _LOOK_SECONDS or self._gone:
                self._look(ended)
        return ended

    def stop(self) -> None:
        """Kill every process; nothing that a job does on ending is waited for."""
        for process in list(self._processes):
            self._discard(process)
        for process in self._leaving:
            process.join()
        self._leaving = []
        self._running.clear()  # another thread may wait: it waits for nothing any more

    def _failed_early(self, failure: Failure) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(failure)
        self._early.append(future)
        return future

    def _process_for(self, task: Task) -> Process:
        """Return a free process with a task's variables, or a new one; free ones with other variables are ended."""
        for process in list(self._free):
            if process.variables not in ({}, task.variables):
                self._discard(process)
        fitting = [process for process in self._free if process.variables == task.variables]
        if task.isolated or not fitting:
            return self._new_process(task)
        self._free.remove(fitting[-1])
        return fitting[-1]

    def _new_process(self, task: Task) -> Process:
        process = Process(self._messages, {**self._environment, **task.variables}, third_party=task.isolated)
        process.variables = task.variables
        self._processes.append(process)
        return process

    def _give(self, running: _Running, process: Process) -> None:
        self._running[running.number] = running
        running.process = process
        process.number = running.number
        if process.ready:
            process.send(running.number, running.content)

    def _hear(self, ended: list[Future[Any]]) -> None:
        """Take what processes say: first what those say whose task ends, so that no row waits for others' reports."""
        messages: list[Message] = []
        with suppress(Empty):
            messages.append(self._messages.get(timeout=_LOOK_SECONDS))
            while len(messages) < _AT_ONCE:
                messages.append(self._messages.get_nowait())
        urgent = {process for process, kind, *_ in messages if kind != "said"}
        for message in sorted(messages, key=lambda message: message[0] not in urgent):
            self._take(message, ended)

    def _take(self, message: Message, ended: list[Future[Any]]) -> None:
        process, kind, number, content = message
        if process not in self._processes:
            return
        running = self._running.get(process.number or 0)
        if kind == "ready":
            process.ready, self._failed_starts = True, 0
            if running:
                process.send(running.number, running.content)
        elif kind == "unstarted":
            self._unstarted(process, content, ended)
        elif kind == "ended":
            process.silent = True
            self._gone.setdefault(process, monotonic())
        elif running is None or running.number != number:
            return
        elif kind == "begun":
            running.begun, process.begun_at = True, monotonic()
        elif kind == "said":
            self._pass_on(running, content)
        else:
            self._settle(running, content if self._unread else plain.result(content), ended)

    def _pass_on(self, running: _Running, content: bytes) -> None:
        if running.report and self._unread:
            if type(content) is bytes:
                running.report(content)
        elif running.report:
            try:
                said = plain.loads(content)
            except Exception:  # noqa: BLE001 - what cannot be read here is left out: reports are best effort
                return
            for report in said if type(said) is list else ():
                running.report(report)

    def _look(self, ended: list[Future[Any]]) -> None:
        """See which processes have ended or take too long."""
        self._looked = now = monotonic()
        for process in list(self._processes):
            running = self._running.get(process.number or 0)
            if process.exit_code() is not None:
                self._gone.setdefault(process, now)
            if process in self._gone:
                known = process.exit_code() is not None and process.silent
                if known or now - self._gone[process] > _GRACE:
                    self._ended(process, running, ended)
            elif not process.ready:
                if now - process.begun_at > self._start_seconds:
                    self._unstarted(process, f"it was not ready after {self._start_seconds:g} s", ended)
            elif running and running.late(now):
                self._settle(running, timed_out(running.task), ended)

    def _ended(self, process: Process, running: _Running | None, ended: list[Future[Any]]) -> None:
        """Take note that a process has ended, although it should not have."""
        if not process.ready:
            self._unstarted(process, process.why(), ended)
            return
        self._discard(process)
        if running and not running.begun and not running.restarted:
            running.restarted = True  # it ended between two tasks, which is not this one's fault
            self._give(running, self._new_process(running.task))
        elif running:
            self._settle(running, Failure("died", f"worker died ({how_it_ended(process.exit_code())})"), ended)

    def _unstarted(self, process: Process, reason: str, ended: list[Future[Any]]) -> None:
        """Fail the task of a process that cannot start."""
        self._failed_starts, self._why = self._failed_starts + 1, reason
        self._discard(process)
        running = self._running.get(process.number or 0)
        if running:
            self._settle(running, _cannot_start(reason), ended)

    def _settle(self, running: _Running, result: Any, ended: list[Future[Any]]) -> None:
        del self._running[running.number]
        process = running.process
        process.number = None
        if isinstance(result, Failure) and result.status != "failed":
            self._discard(process)
            limit(running.task.log)
        elif running.task.isolated:
            self._discard(process)
        elif process in self._processes:
            self._free.append(process)
        running.future.set_result(result)
        ended.append(running.future)

    def _discard(self, process: Process) -> None:
        """Kill a process; what is left of it winds up in the background."""
        process.kill()
        self._gone.pop(process, None)
        for processes in (self._processes, self._free):
            if process in processes:
                processes.remove(process)
        self._leaving = [one for one in [*self._leaving, process] if not one.over]


def _cannot_start(reason: str) -> Failure:
    return Failure("died", f"its worker process cannot start: {reason}. --jobs 0 runs trials in the driver's process")
