"""Datasets on nodes: by digest from a node's cache, made there from the same source, or sent, in blocks, and verified.

The functions of the first half run on the node, as Dask tasks. `Data` is the driver's.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.datasets.adoption import adopt
from harness.datasets.cache import CachedDataset
from harness.datasets.entries import DamagedError, verify
from harness.errors import one_line, printable
from harness.execution.apart import DATASET_SECONDS, read_into
from harness.execution.pools.cluster.blocks import removed
from harness.execution.pools.cluster.nodes import Member
from harness.machine.cache import cache_root
from harness.machine.room import free_bytes, is_full
from harness.plugins.options import ComponentSpec
from harness.text import megabytes
from harness.trial.tasks import Task

if TYPE_CHECKING:
    from distributed import Client


def found_entry(digest: str, elsewhere: str) -> str | None:
    """Return the folder of an entry, its content verified: in this node's cache, or in the driver's if it is seen."""
    for root in (cache_root(), Path(elsewhere)):
        try:
            verify(root, digest)
        except (DamagedError, OSError):
            continue
        return str(root / "datasets" / digest)
    return None


def taken_entry(digest: str, folder: str, session: str) -> str:
    """Return the folder of an entry that was sent: in this node's cache, in the session's folder if that is read-only.

    Raises:
        DamagedError: its content is not what was sent.
        OSError: there is no room for it.
    """
    for root in (cache_root(), Path(session) / "cache"):
        try:
            adopt(root, Path(folder), digest)
        except OSError:
            if root != cache_root():
                raise
            continue
        return str(root / "datasets" / digest)
    raise OSError("unreachable")


def freed(incoming: str) -> int:
    """Remove what was sent of an entry, and return the bytes that are free then on that disk of this node."""
    removed(incoming)
    return free_bytes(Path(incoming))


class NoRoomError(Exception):
    """A node has no room for a dataset; the text, one line, names both, the folder, and the bytes."""


@dataclass(frozen=True)
class Source:
    """What a dataset is made from; ``own``: by a plugin of harness."""

    spec: ComponentSpec
    own: bool


class Data:
    """Sees to it that datasets are on nodes, once for each node and dataset; ``say`` takes a line for each."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self.sources: dict[str, Source] = {}

    def place(self, directory: Path, member: Member, client: "Client", perform: Callable[[Task], Any]) -> Path:
        """Return the folder of a dataset on a node.

        ``directory``: its folder here. ``perform`` has a task done on the node.

        Raises:
            GoneError: the node does not answer.
            NoRoomError: it has no room for the dataset, now or at an earlier call.
            OSError: what came there is not what was sent, or cannot be written there for another reason.
        """
        digest = directory.name
        cache = f"{member.facts['machine']} {member.facts['cache']}"  # nodes of one machine may share it
        with self._lock:
            lock = self._locks.setdefault(f"{cache} {digest}", threading.Lock())
        with lock:
            if digest in member.without_room:
                raise NoRoomError(member.without_room[digest])
            if digest not in member.places:
                try:
                    place, how = self._obtained(directory, member, client, perform)
                except NoRoomError as error:
                    member.without_room[digest] = str(error)
                    self._say(str(error))
                    raise
                if how:
                    self._say(f"node {member.node.name}: {how}")
                member.places[digest] = place
        return Path(member.places[digest])

    def _obtained(
        self, directory: Path, member: Member, client: "Client", perform: Callable[[Task], Any]
    ) -> tuple[str, str]:
        digest, run = directory.name, partial(member.run, client)
        found = run(found_entry, digest, str(directory.parents[1]))
        if found:
            return str(found), ""
        source = self.sources.get(digest)
        name = source.spec.name if source else f"dataset {digest[:12]}"
        files = [path for path in sorted(directory.iterdir()) if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        if source and run(free_bytes, Path(member.facts["cache"])) >= size:
            root = Path(member.facts["cache"])
            spec = replace(source.spec, directory=source.spec.directory.absolute())
            title = f"read dataset {name}"
            made = perform(
                Task(read_into, (spec, root, False), title, timeout=DATASET_SECONDS, isolated=not source.own)
            )
            if type(made) is CachedDataset and made.info.digest == digest:
                return str(made.directory), f"{name} was made there from its source"
        incoming = f"{member.folder}/incoming-{digest}"
        try:
            if (free := run(freed, incoming)) >= size:
                for path in files:
                    member.line.send(path, f"{incoming}/{path.name}")
                return str(run(taken_entry, digest, incoming, member.folder)), f"{name} was sent, {megabytes(size)}"
        except DamagedError as error:
            raise OSError(one_line(error)) from error
        except OSError as error:
            if not is_full(error):
                raise
            free = run(freed, incoming)
        there = f"{free:,} free" if free < size else "more than could be written"  # a user's share may be less
        where = f"no room in {Path(member.folder).parent}, {size:,} bytes needed, {there}"
        raise NoRoomError(printable(f"node {member.node.name} is left out for {name}: {where}"))
