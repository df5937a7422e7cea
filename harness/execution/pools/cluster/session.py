"""A driver's session on a node: the processes and the files that it has there, which end when it does.

All of this runs in a Dask worker. A session lives as long as its key does, which the driver holds: when the driver is
killed, the scheduler lets go of the key, and nothing of the session stays.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfile, rmtree
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from harness.execution.pools.cluster.blocks import piece
from harness.execution.pools.cluster.lending import Lender
from harness.execution.pools.cluster.orders import LOG, Order, Settings
from harness.execution.pools.logs import LIMIT
from harness.machine.files import version_of
from harness.machine.host import NODE, host
from harness.machine.kernels import VARIABLE, best_kernel

if TYPE_CHECKING:
    from distributed import Worker

_LOOK_SECONDS = 0.25
PASS_ON_SECONDS = 1.0
"""What a job reports and logs is passed on at most this often: each time takes a few milliseconds of the processors, in
the worker, the scheduler and the driver."""
_LOG_BYTES = 1 << 16
"""Bytes of a log that are passed on at a time: they go through the scheduler."""
_SESSIONS: "WeakKeyDictionary[Worker, dict[str, Session]]" = WeakKeyDictionary()
"""By worker and topic: Dask has no place for what several tasks of a worker share."""


def open_session(settings: Settings) -> str:
    """Begin a driver's session; return its folder: a Dask task, whose key is the session's."""
    from distributed import get_worker

    worker = get_worker()
    session = Session(worker, settings)
    _SESSIONS.setdefault(worker, {})[settings.topic] = session
    threading.Thread(target=session.watch, daemon=True).start()
    return str(session.folder)


def session_of(topic: str) -> "Session | None":
    """Return a driver's session on this task's worker, None if it has ended."""
    from distributed import get_worker

    return _SESSIONS.get(get_worker(), {}).get(topic)


def end_session(topic: str, dask_worker: "Worker") -> None:
    """End a driver's session; called by the worker, in its event loop."""
    session = _SESSIONS.get(dask_worker, {}).pop(topic, None)
    if session:
        session.over.set()


class Session:
    """The processes and files of a driver on this node."""

    def __init__(self, worker: "Worker", settings: Settings) -> None:
        self._worker = worker
        self._topic = settings.topic
        self.node = settings.node
        self._key = settings.key
        self._orders: dict[str, _Under] = {}
        self._left: set[str] = set()
        """The keys of orders that have run, whose files the driver may not have fetched yet."""
        self.over = threading.Event()
        self.folder = Path(worker.local_directory).absolute() / settings.topic
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lender = Lender({**settings.environment, **_kernel(settings), NODE: settings.node}, unread=True)

    @contextmanager
    def attending(self, order: Order) -> "Iterator[_Under]":
        """Attend to an order within the block: pass on its reports and what it updates."""
        under = self._orders[order.key] = _Under(self._worker, order)
        try:
            yield under
        finally:
            self._orders.pop(order.key, None)
            self._left.add(order.key)

    def watch(self) -> None:
        """Stay until the session ends, and then end all that it has; before that, orders that were cancelled."""
        try:
            self._watch()
        finally:  # whatever ended it, Dask's connection for one: nothing of it stays
            self.over.set()
            sessions = _SESSIONS.get(self._worker, {})
            if sessions.get(self._topic) is self:
                del sessions[self._topic]
            self.lender.stop()
            rmtree(self.folder, ignore_errors=True)

    def _watch(self) -> None:
        from distributed.core import Status

        while not self.over.wait(_LOOK_SECONDS):
            tasks = self._worker.state.tasks
            if self._worker.status not in {Status.running, Status.paused} or not _alive(tasks, self._key):
                break
            for key, under in list(self._orders.items()):
                if not _alive(tasks, key):
                    self.lender.end(key)
                under.look()
                under.pass_on()
            # Those alone that have run: files of an order come before it does.
            for key in [key for key in list(self._left) if not _alive(tasks, key)]:
                rmtree(self.folder / key, ignore_errors=True)
                self._left.discard(key)


class _Under:
    """An order that is under way: what it reports, and which of its files have changed."""

    def __init__(self, worker: "Worker", order: Order) -> None:
        self._worker, self._order = worker, order
        self._lock = threading.Lock()
        self._said: list[bytes] = []
        self._passed_on = monotonic()
        self._versions = {name: version_of(Path(order.folder) / name) for name in order.updates}
        self._serial = 0
        self._logged = 0

    def say(self, said: bytes) -> None:
        """Take reports, pickled, which `pass_on` passes on."""
        with self._lock:
            self._said.append(said)

    def pass_on(self) -> None:
        """Pass on what was reported and logged since the last time, if that is long enough ago."""
        if monotonic() - self._passed_on >= PASS_ON_SECONDS:
            self._passed_on = monotonic()
            if said := self.rest():
                self._worker.log_event(self._order.topic, (self._order.number, "said", said))
            self._look_at_log()

    def rest(self) -> tuple[bytes, ...]:
        """Return what was reported and not passed on."""
        with self._lock:
            said, self._said = self._said, []
        return tuple(said)

    def look(self) -> None:
        """Announce files that the job has written since the last look, each under a name that it keeps."""
        for name in self._order.updates:
            path = Path(self._order.folder) / name
            now = version_of(path)
            if now is None or now == self._versions[name]:
                continue
            self._serial += 1
            kept = path.with_name(f"{name}.{self._serial}")
            with suppress(OSError):
                try:
                    os.link(path, kept)
                except OSError:
                    copyfile(path, kept)
                self._versions[name] = now
                announced = vars(piece(kept)) | {"content": None}
                self._worker.log_event(self._order.topic, (self._order.number, "updated", [name, announced]))

    def _look_at_log(self) -> None:
        """Pass on what the job has logged since the last look: where this node is lost, the driver has that much."""
        with suppress(OSError), (Path(self._order.folder) / LOG).open("rb") as file:
            file.seek(self._logged)
            content = file.read(min(_LOG_BYTES, LIMIT - self._logged))  # what follows may yet be shortened
            if content:
                self._worker.log_event(self._order.topic, (self._order.number, "logged", (self._logged, content)))
                self._logged += len(content)


def _alive(tasks: Any, key: str) -> bool:
    """Return whether a worker's task is wanted."""
    task = tasks.get(key)
    return task is not None and task.state not in {"cancelled", "released", "forgotten"}


def _kernel(settings: Settings) -> dict[str, str | None]:
    """Return the variable with the kernel of this node's matrix products."""
    if settings.processor == host()["processor"]:
        return dict(settings.kernel)
    best = best_kernel()
    return {VARIABLE: best.fastest} if best else {}
