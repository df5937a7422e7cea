"""A driver's session on a node: the processes and the files that it has there, which end when it does.

All of this runs in a Dask worker. A session lives as long as its key does, which the driver holds: when the driver is
killed, the scheduler lets go of the key, and nothing of the session stays.
"""

import os
import pickle
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
_REPORT_SECONDS = 0.1
_LOG_BYTES = 1 << 16
"""Bytes of a log that are passed on at a time: the scheduler keeps them until the driver ends."""
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
        self._key = session_key(settings)
        self._orders: dict[str, _Under] = {}
        self._left: set[str] = set()
        """The keys of orders that have run, whose files the driver may not have fetched yet."""
        self.over = threading.Event()
        self.folder = Path(worker.local_directory).absolute() / settings.topic
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lender = Lender({**settings.environment, **_kernel(settings), NODE: settings.node})

    @contextmanager
    def attending(self, order: Order) -> "Iterator[_Under]":
        """Attend to an order within the block: pass on its reports and what it updates."""
        under = self._orders[order.key] = _Under(self._worker, order)
        try:
            yield under
        finally:
            self._orders.pop(order.key, None)
            under.flush()
            self._left.add(order.key)

    def watch(self) -> None:
        """Stay until the session ends, and then end all that it has, and orders that were cancelled."""
        from distributed.core import Status

        while not self.over.wait(_LOOK_SECONDS):
            tasks = self._worker.state.tasks
            if self._worker.status not in {Status.running, Status.paused} or not _alive(tasks, self._key):
                break
            for key, under in list(self._orders.items()):
                if not _alive(tasks, key):
                    self.lender.end(key)
                under.flush()
                under.look()
                under.look_at_log()
            # Those alone that have run: files of an order come before it does.
            for key in [key for key in list(self._left) if not _alive(tasks, key)]:
                rmtree(self.folder / key, ignore_errors=True)
                self._left.discard(key)
        self.over.set()
        _SESSIONS.get(self._worker, {}).pop(self._topic, None)
        self.lender.stop()
        rmtree(self.folder, ignore_errors=True)


class _Under:
    """An order that is under way: what it reports, and which of its files have changed."""

    def __init__(self, worker: "Worker", order: Order) -> None:
        self._worker, self._order = worker, order
        self._lock = threading.Lock()
        self._said: list[bytes] = []
        self._sent = 0.0
        self._versions = {name: version_of(Path(order.folder) / name) for name in order.updates}
        self._serial = 0
        self._logged = 0

    def say(self, said: Any) -> None:
        """Pass a report on, soon."""
        with self._lock:
            self._said.append(pickle.dumps(said, protocol=5))
        if monotonic() - self._sent >= _REPORT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Pass on what was reported."""
        with self._lock:
            said, self._said = self._said, []
            if said:
                self._sent = monotonic()
                self._worker.log_event(self._order.topic, (self._order.number, "said", said))

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

    def look_at_log(self) -> None:
        """Pass on what the job has logged since the last look: where this node is lost, the driver has that much."""
        with suppress(OSError), (Path(self._order.folder) / LOG).open("rb") as file:
            file.seek(self._logged)
            content = file.read(min(_LOG_BYTES, LIMIT - self._logged))  # what follows may yet be shortened
            if content:
                self._worker.log_event(self._order.topic, (self._order.number, "logged", (self._logged, content)))
                self._logged += len(content)


def session_key(settings: Settings) -> str:
    """Return the key of a session."""
    return f"session-{settings.topic}-{settings.node}"


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
