"""Runs jobs in local processes: one that is killed, hangs or exits costs its own job alone.

Each slot is a pebble pool of one process. Processes of one pool share pipes and locks, which one that is killed while
it writes leaves broken for all; a slot whose process ended out of turn is thrown away with its pipes. What jobs report
comes over a socket of each process's own, for the same reason, and the end of a socket tells of the end of its process
even where pebble does not (exit code 0).
"""

import os
import pickle
import secrets
import signal
import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError, get_context
from multiprocessing.connection import Client, Connection, Listener
from queue import SimpleQueue
from typing import Any

from pebble import CONSTS, ProcessExpired, ProcessPool

from harness.errors import one_line
from harness.pools import worker
from harness.pools.perform import timed_out
from harness.pools.tasks import Failure, Report, Task

_GRACE = 1.0
"""Seconds between the end of a process and the moment when it is held lost, should pebble not have noticed."""
CONSTS.term_timeout = 0.5  # a process that does not end when asked is killed after this many seconds


@dataclass(eq=False)
class _Slot:
    """A process, and the task that it works on."""

    index: int
    pool: ProcessPool
    pid: int | None = None
    number: int | None = None


@dataclass
class _Running:
    task: Task
    slot: _Slot
    report: Report | None
    future: Future[Any] = field(default_factory=Future)


class Processes:
    """Runs tasks in ``slots`` processes, which stay for the next one."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._key = secrets.token_bytes(32)
        self._listener = Listener(authkey=self._key, backlog=max(16, slots))
        self._messages: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self._free: list[_Slot] = []
        self._used: dict[int, _Slot] = {}
        self._running: dict[int, _Running] = {}
        self._count = 0
        self._slots_made = 0
        self._stopped = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:
        """Start a task in a process that is free."""
        self._count += 1
        number = self._count
        slot = self._free.pop() if self._free and not task.isolated else self._new_slot(task)
        slot.number = number
        running = self._running[number] = _Running(task, slot, report)
        try:
            inner = slot.pool.schedule(worker.run, args=(task, number), timeout=task.timeout)
        except RuntimeError:  # its process has ended since its last task
            self._discard(slot)
            slot = running.slot = self._new_slot(task)
            slot.number = number
            inner = slot.pool.schedule(worker.run, args=(task, number), timeout=task.timeout)
        inner.add_done_callback(lambda done: self._messages.put(("done", number, done)))
        return running.future

    def wait(self) -> list[Future[Any]]:
        """Wait until a task has ended; pass on what jobs report meanwhile."""
        ended: list[Future[Any]] = []
        while self._running and not ended:
            self._take(self._messages.get(), ended)
        while not self._messages.empty():
            self._take(self._messages.get(), ended)
        return ended

    def stop(self) -> None:
        """Kill every process; nothing that a job does on ending is waited for."""
        if self._stopped:
            return
        self._stopped = True
        for slot in self._used.values():
            _kill(slot)
        for slot in list(self._used.values()):
            self._discard(slot)
        # A thread that waits on a closed socket may come to wait on the next one that gets its number: wake it first.
        with suppress(OSError, EOFError):
            Client(self._listener.address).close()
        self._acceptor.join(_GRACE)
        self._listener.close()

    def _new_slot(self, task: Task) -> _Slot:
        self._slots_made += 1
        index = self._slots_made
        arguments = (self._listener.address, self._key, index, task.isolated)
        pool = ProcessPool(max_workers=1, context=get_context("spawn"), initializer=worker.start, initargs=arguments)
        slot = self._used[index] = _Slot(index, pool)
        return slot

    def _take(self, message: tuple[Any, ...], ended: list[Future[Any]]) -> None:
        kind, number, *rest = message
        if kind in {"started", "ended"}:
            slot = self._used.get(number)
            if slot:
                slot.pid = rest[0] if kind == "started" else None
            if slot and kind == "ended":
                self._ended(slot)
        elif number not in self._running:
            return
        elif kind == "said":
            report = self._running[number].report
            if report:
                report(rest[0])
        else:
            running = self._running.pop(number)
            result = _result(rest[0], running.task) if kind == "done" else _died("it exited")
            running.slot.number = None
            if running.task.isolated or (isinstance(result, Failure) and result.status != "failed"):
                self._discard(running.slot)
            elif running.slot.index in self._used:
                self._free.append(running.slot)
            running.future.set_result(result)
            ended.append(running.future)

    def _ended(self, slot: _Slot) -> None:
        """Take note that a process has ended, although it should not have."""
        if slot.number is None:
            self._discard(slot)
            return
        timer = threading.Timer(_GRACE, self._messages.put, [("lost", slot.number)])
        timer.daemon = True
        timer.start()

    def _discard(self, slot: _Slot) -> None:
        """Throw a slot away with its process; what is left of its pool winds up in the background."""
        self._used.pop(slot.index, None)
        if slot in self._free:
            self._free.remove(slot)
        _kill(slot)
        slot.pool.stop()  # type: ignore[no-untyped-call]
        threading.Thread(target=_join, args=(slot.pool,), daemon=True).start()

    def _accept(self) -> None:
        while not self._stopped:
            # The listener may be closed meanwhile, and a process may die while it connects.
            with suppress(OSError, EOFError, AuthenticationError):
                connection = self._listener.accept()
                threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: Connection) -> None:
        """Queue what one process reports, until it ends."""
        slot = None
        with suppress(EOFError, OSError):
            slot, pid = connection.recv()
            self._messages.put(("started", slot, pid))
            while True:
                number, said = connection.recv()
                self._messages.put(("said", number, said))
        self._messages.put(("ended", slot))


def _result(done: Future[Any], task: Task) -> Any:
    """Return what a pebble future holds, its exceptions as the `Failure` that they stand for."""
    try:
        return pickle.loads(done.result())  # noqa: S301 - our own worker wrote it
    except TimeoutError:
        return timed_out(task)
    except ProcessExpired as error:
        code = error.exitcode or 0
        return _died(f"signal {-code}" if code < 0 else f"exit code {code}")
    except (BrokenProcessPool, CancelledError) as error:
        return _died(one_line(error))
    except Exception as error:  # noqa: BLE001 - a result that cannot be read back
        return Failure("failed", f"its result cannot be passed on: {one_line(error)}")


def _died(how: str) -> Failure:
    return Failure("died", f"worker died ({how})")


def _kill(slot: _Slot) -> None:
    if slot.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(slot.pid, signal.SIGKILL)


def _join(pool: ProcessPool) -> None:
    with suppress(Exception):
        pool.join()
