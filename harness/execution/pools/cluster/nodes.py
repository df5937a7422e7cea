"""Nodes as the driver knows them: what they are, whether they fit, and what they can do."""

import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from harness.execution.pools.cluster.blocks import Line
from harness.execution.pools.cluster.orders import Settings, about_node
from harness.execution.pools.cluster.session import open_session
from harness.execution.pools.cluster.waiting import DASK_ERRORS, GoneError, await_future
from harness.execution.pools.pool import DATASET, Node
from harness.machine.room import no_space
from harness.plugins.components import OWN
from harness.trial.tasks import Failure, Task

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

_OPEN_SECONDS = 120.0
_NAME_LENGTH = 100
_OPTIONAL = ("backend ", "dataset ")
"""Kinds of components that a node may lack: its trials go elsewhere, its data are sent."""


class UnfitError(Exception):
    """A node cannot take part; the text, one line, says why."""


@dataclass(eq=False)
class Member:
    """A node that takes part."""

    address: str
    node: Node
    line: Line
    folder: str
    session: "Future[Any]"
    """Holds the session open."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    abilities: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gone: threading.Event = field(default_factory=threading.Event)
    places: dict[str, str] = field(default_factory=dict)
    """The folders of the datasets, by digest, that it has."""
    without_room: dict[str, str] = field(default_factory=dict)
    """The datasets, by digest, that it has no room for, with a line about each."""

    def devices(self, needs: Sequence[str]) -> tuple[str, ...]:
        """Return the devices on which it can do all that is needed, in the order of the first need."""
        data = [need for need in needs if need.startswith(DATASET)]
        others = [need for need in needs if need not in data]
        if any(need not in self.abilities for need in others) or any(
            need.removeprefix(DATASET) in self.without_room for need in data
        ):
            return ()
        first, *rest = [self.abilities[need] or ("cpu",) for need in others]
        return tuple(device for device in first if all(device in other for other in rest))

    def run(self, client: "Client", function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns that runs on the node as a Dask task, in a thread: one that takes a while.

        Raises:
            GoneError: the node has gone.
        """
        future = client.submit(function, *arguments, workers=[self.address], pure=False, retries=0)
        await_future(client, future, [self.gone])
        if future.status not in {"finished", "error"}:
            raise GoneError
        return future.result()

    def shown(self) -> str:
        """Return the node in a line."""
        devices = dict.fromkeys(device for found in self.abilities.values() for device in found)
        has = f", {', '.join(devices)}" if devices else ""
        slots = f"{self.node.slots} trial{'s' if self.node.slots > 1 else ''} at a time"
        return f"node {self.node.name}: {slots}{has}, {self.facts.get('processor', 'unknown processor')}"


def name_of(address: str, about: Mapping[str, Any]) -> str:
    """Return what rows call a worker: the name that it was given, or its host and port."""
    name = str(about.get("name", address))
    return (address.partition("://")[2] if "://" in name else name)[:_NAME_LENGTH] or address


def busy(key: str, dask_worker: "Worker") -> bool:
    """Return whether a task waits for others, which all threads of a worker have; called by the worker."""
    under_way = {str(task.key) for task in dask_worker.state.executing}
    return key not in under_way and len(under_way) >= dask_worker.state.nthreads


def opened(
    client: "Client",
    address: str,
    about: Mapping[str, Any],
    settings: Settings,
    threads: int,
    gone: threading.Event,
) -> Member:
    """Return a worker as a member, with a session on it; ``gone`` is set when it leaves.

    A worker whose threads all have other tasks, of another driver for one, is waited for as long as that is so.

    Raises:
        UnfitError: its Python, its harness or its NumPy is another, or its disk is full.
        GoneError: it does not answer.
    """
    line = Line(client, address)
    _same_versions(line)
    session = client.submit(open_session, settings, key=settings.key, workers=[address], pure=False, retries=0)
    await_future(client, session, [gone], _OPEN_SECONDS, lambda: line.call(busy, settings.key))
    try:
        folder = str(session.result(timeout=_OPEN_SECONDS))
    except DASK_ERRORS as error:
        if full := no_space(error):
            raise UnfitError(full) from None
        raise GoneError(str(error) or "it did not answer") from error
    node = Node(settings.node, max(1, int(about.get("nthreads", 1)) // threads))
    return Member(address, node, line, folder, session, gone=gone)


def examined(member: Member, parts: Mapping[str, str], perform: Callable[[Task], Any], *, third_party: bool) -> Member:
    """Return a member with what it says of itself.

    ``parts``: the components that the suite uses, as rows name them, with their identities here; ``perform`` has a task
    done on the node.

    Raises:
        UnfitError: one of them differs there.
    """
    facts = perform(Task(about_node, tuple(parts), "about this node", timeout=_OPEN_SECONDS, isolated=third_party))
    if isinstance(facts, Failure):
        raise (GoneError if facts.status == "lost" else UnfitError)(facts.reason)
    for part, ours in parts.items():
        theirs = facts.get(part)
        if theirs is None and not part.startswith(_OPTIONAL):
            msg = f"it has no {part}, which is {ours} here"
            raise UnfitError(msg)
        if theirs is not None and theirs != ours:
            msg = f"its {part} is {theirs}, and {ours} here"
            raise UnfitError(msg)
    node = Node(member.node.name, member.node.slots, str(facts["machine"]), str(facts["domain"]))
    member.node, member.facts = node, facts
    return member


def _same_versions(line: Line) -> None:
    """Compare what can be asked of a node that may not have harness at all: by functions of Python's own."""
    theirs = ".".join(str(line.call(platform.python_version)).split(".")[:2])
    ours = ".".join(platform.python_version().split(".")[:2])
    if theirs != ours:
        msg = f"it has Python {theirs}, and this environment {ours}"
        raise UnfitError(msg)
    for distribution in (OWN, "numpy"):
        try:
            found = line.call(version, distribution)
        except GoneError as error:
            if isinstance(error.__cause__, ModuleNotFoundError):
                msg = f"{distribution} is not installed there"
                raise UnfitError(msg) from None
            raise
        if found != version(distribution):
            msg = f"it has {distribution} {found}, and this environment {version(distribution)}"
            raise UnfitError(msg)
