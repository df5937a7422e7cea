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
from harness.errors import one_line
from harness.execution.apart import DATASET_SECONDS, read_into
from harness.execution.pools.cluster.nodes import Member
from harness.machine.cache import cache_root
from harness.plugins.options import ComponentSpec
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
        self._places: dict[tuple[str, str], str] = {}
        self.sources: dict[str, Source] = {}

    def place(self, directory: Path, member: Member, client: "Client", perform: Callable[[Task], Any]) -> Path:
        """Return the folder of a dataset on a node.

        ``directory``: its folder here. ``perform`` has a task done on the node.

        Raises:
            GoneError: the node does not answer.
            OSError: it has no room for the dataset.
        """
        digest = directory.name
        cache = f"{member.facts['machine']} {member.facts['cache']}"  # nodes of one machine may share it
        with self._lock:
            lock = self._locks.setdefault(f"{cache} {digest}", threading.Lock())
        with lock:
            if (member.address, digest) not in self._places:
                place, how = self._obtained(directory, member, client, perform)
                if how:
                    self._say(f"node {member.node.name}: {how}")
                self._places[member.address, digest] = place
        return Path(self._places[member.address, digest])

    def _obtained(
        self, directory: Path, member: Member, client: "Client", perform: Callable[[Task], Any]
    ) -> tuple[str, str]:
        digest, run = directory.name, partial(member.run, client)
        found = run(found_entry, digest, str(directory.parents[1]))
        if found:
            return str(found), ""
        source = self.sources.get(digest)
        name = source.spec.name if source else f"dataset {digest[:12]}"
        if source:
            root = Path(member.facts["cache"])
            spec = replace(source.spec, directory=source.spec.directory.absolute())
            title = f"read dataset {name}"
            made = perform(Task(read_into, (spec, root), title, timeout=DATASET_SECONDS, isolated=not source.own))
            if type(made) is CachedDataset and made.info.digest == digest:
                return str(made.directory), f"{name} was made there from its source"
        files = [path for path in sorted(directory.iterdir()) if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        incoming = f"{member.folder}/incoming-{digest}"
        for path in files:
            member.line.send(path, f"{incoming}/{path.name}")
        try:
            return str(run(taken_entry, digest, incoming, member.folder)), f"{name} was sent, {size / 1e6:,.1f} MB"
        except DamagedError as error:
            raise OSError(one_line(error)) from error
