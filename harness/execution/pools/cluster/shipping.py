"""One order to a node: its files go there, the job is done, and what it wrote comes back. The driver writes the run."""

import pickle
import threading
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import one_line, printable
from harness.execution.pools import plain
from harness.execution.pools.cluster.agent import perform_order
from harness.execution.pools.cluster.blocks import removed, unlink_all, unlinked
from harness.execution.pools.cluster.data import NoRoomError
from harness.execution.pools.cluster.nodes import Member
from harness.execution.pools.cluster.orders import Order, Piece, Returned
from harness.execution.pools.cluster.waiting import GoneError, await_future, result_of
from harness.execution.pools.logs import limit
from harness.interfaces import implements
from harness.machine.files import content_digest
from harness.machine.room import no_space
from harness.trial.tasks import Failure, Movable, Task, Use

if TYPE_CHECKING:
    from distributed import Client


@dataclass(eq=False)
class Shipment:
    """A task on its way: where its files are on the node, and where they belong here."""

    number: int
    topic: str
    member: Member
    task: Task
    data: Callable[[Path], Path]
    """Sees to it that a dataset is on the node, and returns its folder there; raises `NoRoomError`."""
    _reads: dict[str, Path] = field(default_factory=dict)
    _writes: dict[str, Path] = field(default_factory=dict)
    _updates: dict[str, Path] = field(default_factory=dict)
    _over: bool = False
    _fetching: threading.Lock = field(default_factory=threading.Lock)
    """Held while a file that the job has updated is fetched, which may take minutes."""
    _announced: list[tuple[str, Piece]] = field(default_factory=list)
    _updating: bool = False
    _announcing: threading.Lock = field(default_factory=threading.Lock)
    said: tuple[bytes, ...] = ()
    """What came of its reports with its result: lists, pickled."""
    _logged: int = 0
    """The bytes of the node's log that are in the task's."""
    _log_ended: bool = False
    _logging: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> str:
        """The key of its Dask task, and the name of its folder."""
        return f"{self.topic}-{self.number}"

    @property
    def folder(self) -> str:
        """Where its files are on the node."""
        return f"{self.member.folder}/{self.key}"

    def result(self, client: "Client", stopped: threading.Event) -> Any:
        """Have the task done on the node; return its result, or its `Failure`: ``lost`` if the node has gone."""
        name = self.member.node.name
        try:
            returned = self._done(client, stopped)
            return self._received(returned)
        except NoRoomError as error:
            return Failure("no room", str(error))
        except GoneError:
            return Failure("lost", f"the node {name} was lost")
        except CancelledError:  # by Dask, whose loop has ended
            return Failure("lost", f"the node {name} was lost")
        except Exception as error:  # noqa: BLE001 - no room for its files, a task that cannot be sent: this one's alone
            return Failure("failed", printable(f"node {name}: {no_space(error) or one_line(error)}"))
        finally:
            with self._fetching:
                self._over = True

    def announce(self, name: str, piece: Piece) -> bool:
        """Take note that the job has written a file; return whether `update` is to be called, which waits for it."""
        with self._announcing:
            self._announced.append((name, piece))
            begins, self._updating = not self._updating, True
            return begins

    def update(self) -> None:
        """Write what the job has written meanwhile, its checkpoint; not once the task has ended.

        Of several that were announced, the last: the node keeps each under a name until it is removed here.
        """
        while announced := self._taken():
            for name, piece in dict(announced).items():
                path = self._updates.get(name)
                with self._fetching, suppress(OSError, GoneError):  # the next one comes
                    if path and not self._over:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        self.member.line.fetch_to(piece, path)
            with suppress(OSError, GoneError):
                self.member.line.call(unlink_all, [piece.path for _, piece in announced])

    def _taken(self) -> list[tuple[str, Piece]]:
        with self._announcing:
            announced, self._announced = self._announced, []
            self._updating = bool(announced)
            return announced

    def keep_log(self, offset: int, content: bytes) -> None:
        """Add what the job has logged meanwhile; once it has ended, its whole log comes."""
        with self._logging:
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
        try:
            order = self._order()
        except BaseException:  # what is there of its files would stay as long as the driver does
            with suppress(OSError, GoneError):
                self.member.line.call(removed, self.folder)
            raise
        future = client.submit(
            perform_order, order, key=self.key, workers=[self.member.address], pure=False, retries=0
        )  # fmt: skip
        await_future(client, future, [self.member.gone, stopped])
        self._future = future  # its key keeps the files on the node
        returned: Returned = result_of(future, [self.member.gone, stopped])
        if returned.result is None:
            raise GoneError
        return returned

    def _order(self) -> Order:
        folder = self.folder

        def locate(path: Path, use: Use) -> Path:
            if use == "data":
                return self.data(path)
            names = {"read": self._reads, "write": self._writes, "update": self._updates}[use]
            name = f"{len(self._reads) + len(self._writes) + len(self._updates)}-{path.name}"
            names[name] = path
            return Path(folder, name)

        task = self.task
        argument = task.argument.moved(locate) if implements(task.argument, Movable) else task.argument
        self._send({f"{folder}/{name}": path for name, path in (self._reads | self._updates).items()})
        content = pickle.dumps((task.job, argument), protocol=5)
        about = (content, task.title, task.timeout, task.isolated)
        return Order(self.number, self.topic, self.key, folder, *about, tuple(self._writes), tuple(self._updates))

    def _send(self, files: Mapping[str, Path]) -> None:
        """Have files be on the node, each in its place; one that is not here, the job will miss there."""
        there = {place: path for place, path in files.items() if path.is_file()}
        if there:
            known = [(str(path), path.stat().st_size, content_digest(path), place) for place, path in there.items()]
            for place in self.member.line.call(unlinked, known):
                self.member.line.send(there[place], place)

    def _received(self, returned: Returned) -> Any:
        line = self.member.line
        self.said = returned.said
        if self.task.log and returned.log:
            content = line.fetch(returned.log)
            with self._logging:
                self._log_ended = True
                self._append(content[self._logged :])
            limit(self.task.log)
        content = line.fetch(returned.result) if returned.result else b""
        try:
            result = plain.loads(content)
        except Exception as error:  # noqa: BLE001 - what it holds may not be readable here
            return Failure("failed", f"its result cannot be passed on: {one_line(error)}")
        if type(result) is Failure:
            return replace(result, reason=self.here(result.reason))
        for name, piece in returned.files.items():
            with suppress(OSError):  # probabilities for ensembles: what cannot be written costs no evaluation
                line.fetch_to(piece, self._writes[name])
        return result

    def here(self, text: str) -> str:
        """Return a text with this machine's paths in place of the node's."""
        for name, path in (self._reads | self._writes | self._updates).items():
            text = text.replace(f"{self.folder}/{name}", str(path))
        return text


def piece_of(announced: Mapping[str, Any]) -> Piece:
    """Return a piece that a node announced in an event."""
    return Piece(str(announced["path"]), int(announced["size"]), str(announced["digest"]))
