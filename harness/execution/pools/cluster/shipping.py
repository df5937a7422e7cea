"""One order to a node: its files go there, the job is done, and what it wrote comes back. The driver writes the run."""

import pickle
import threading
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import one_line
from harness.execution.pools import plain
from harness.execution.pools.cluster.agent import perform_order
from harness.execution.pools.cluster.blocks import linked
from harness.execution.pools.cluster.nodes import Member
from harness.execution.pools.cluster.orders import Order, Piece, Returned
from harness.execution.pools.cluster.waiting import DASK_ERRORS, GoneError, await_future
from harness.execution.pools.logs import limit
from harness.interfaces import implements
from harness.machine.files import content_digest
from harness.trial.tasks import Failure, Movable, Task, Use

if TYPE_CHECKING:
    from distributed import Client

_RESULT_SECONDS = 300.0


@dataclass(eq=False)
class Shipment:
    """A task on its way: where its files are on the node, and where they belong here."""

    number: int
    topic: str
    member: Member
    task: Task
    data: Callable[[Path], Path]
    """Sees to it that a dataset is on the node, and returns its folder there."""
    _reads: dict[str, Path] = field(default_factory=dict)
    _writes: dict[str, Path] = field(default_factory=dict)
    _updates: dict[str, Path] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: bool = False
    _logged: int = 0
    """The bytes of the node's log that are in the task's."""
    _log_ended: bool = False

    @property
    def key(self) -> str:
        """The key of its Dask task, and the name of its folder."""
        return f"{self.topic}-{self.number}"

    def result(self, client: "Client", stopped: threading.Event) -> Any:
        """Have the task done on the node; return its result, or its `Failure`: ``lost`` if the node has gone."""
        name = self.member.node.name
        try:
            returned = self._done(client, stopped)
            return self._received(returned)
        except GoneError:
            return Failure("lost", f"the node {name} was lost")
        except CancelledError:  # by Dask, whose loop has ended
            return Failure("lost", f"the node {name} was lost")
        except Exception as error:  # noqa: BLE001 - no room for its files, a task that cannot be sent: this one's alone
            return Failure("failed", f"node {name}: {one_line(error)}")
        finally:
            with self._lock:
                self._over = True

    def update(self, name: str, piece: Piece) -> None:
        """Write what the job has written meanwhile: its checkpoint; not once the task has ended."""
        path = self._updates.get(name)
        with self._lock, suppress(OSError, GoneError):  # the next one comes
            if path and not self._over:
                path.parent.mkdir(parents=True, exist_ok=True)
                self.member.line.fetch_to(piece, path)

    def keep_log(self, offset: int, content: bytes) -> None:
        """Add what the job has logged meanwhile; once it has ended, its whole log comes."""
        with self._lock:
            if not self._log_ended and offset == self._logged:
                self._append(content)
                self._logged += len(content)

    def _append(self, content: bytes) -> None:
        if self.task.log:
            with suppress(OSError):
                self.task.log.parent.mkdir(parents=True, exist_ok=True)
                with self.task.log.open("ab") as file:
                    file.write(content)

    def _done(self, client: "Client", stopped: threading.Event) -> Returned:
        order = self._order()
        future = client.submit(
            perform_order, order, key=self.key, workers=[self.member.address], pure=False, retries=0
        )  # fmt: skip
        await_future(client, future, [self.member.gone, stopped])
        self._future = future  # its key keeps the files on the node
        try:
            returned: Returned = future.result(timeout=_RESULT_SECONDS)
        except DASK_ERRORS as error:
            raise GoneError(one_line(error)) from error
        if returned.result is None:
            raise GoneError
        return returned

    def _order(self) -> Order:
        folder = f"{self.member.folder}/{self.key}"

        def place(path: Path, use: Use) -> Path:
            if use == "data":
                return self.data(path)
            names = {"read": self._reads, "write": self._writes, "update": self._updates}[use]
            name = f"{len(self._reads) + len(self._writes) + len(self._updates)}-{path.name}"
            names[name] = path
            return Path(folder, name)

        task = self.task
        argument = task.argument.moved(place) if implements(task.argument, Movable) else task.argument
        for name, path in (self._reads | self._updates).items():
            self._send(path, f"{folder}/{name}")
        content = pickle.dumps((task.job, argument), protocol=5)
        about = (content, task.title, task.timeout, task.isolated)
        return Order(self.number, self.topic, self.key, folder, *about, tuple(self._writes), tuple(self._updates))

    def _send(self, path: Path, place: str) -> None:
        """Have a file be on the node; one that is not here, the job will miss there."""
        if path.is_file():
            line, size = self.member.line, path.stat().st_size
            if not line.call(linked, str(path), size, content_digest(path), place):
                line.send(path, place)

    def _received(self, returned: Returned) -> Any:
        line = self.member.line
        if self.task.log and returned.log:
            content = line.fetch(returned.log)
            with self._lock:
                self._log_ended = True
                self._append(content[self._logged :])
            limit(self.task.log)
        for name, piece in returned.files.items():
            with suppress(OSError):  # probabilities for ensembles: what cannot be written costs no evaluation
                line.fetch_to(piece, self._writes[name])
        content = line.fetch(returned.result) if returned.result else b""
        try:
            return _at_home(plain.loads(content), self)
        except Exception as error:  # noqa: BLE001 - what it holds may not be readable here
            return Failure("failed", f"its result cannot be passed on: {one_line(error)}")

    def here(self, text: str) -> str:
        """Return a text with this machine's paths in place of the node's."""
        for name, path in (self._reads | self._writes | self._updates).items():
            text = text.replace(f"{self.member.folder}/{self.key}/{name}", str(path))
        return text


def _at_home(result: Any, shipment: Shipment) -> Any:
    """Return a result as a pool here gives it: a failure names files of this machine."""
    return replace(result, reason=shipment.here(result.reason)) if type(result) is Failure else result


def piece_of(announced: Mapping[str, Any]) -> Piece:
    """Return a piece that a node announced in an event."""
    return Piece(str(announced["path"]), int(announced["size"]), str(announced["digest"]))
