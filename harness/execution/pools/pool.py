"""What every pool does, and what one that is spread over several machines does besides."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from harness.plugins.options import ComponentSpec
from harness.trial.tasks import Report, Task

T = TypeVar("T")
Abilities = Mapping[str, tuple[str, ...]]
"""What a node can do, and the devices on which it can."""


DATASET = "dataset "
"""How a need begins that names a dataset, by its digest: every node has it but those without room."""


class Pool(Protocol):
    """Takes tasks and gives futures of their result, or of a `Failure`: a future never raises what a job raised."""

    @property
    def slots(self) -> int:
        """Tasks that run at a time."""
        ...

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:
        """Start a task; at most ``slots`` are under way. ``report`` is called, within `wait`, with what the job says.

        What it says is best effort: a pool may leave out some of what comes in quick succession.
        """
        ...

    def wait(self) -> list[Future[Any]]:
        """Wait until a task that is under way has ended, and return those that have since the last call."""
        ...

    def stop(self) -> None:
        """End whatever runs, at once; the pool is not used afterwards, but may be stopped again."""
        ...


@dataclass(frozen=True)
class Node:
    """A part of a cluster that runs tasks: a worker, on a machine."""

    name: str
    slots: int
    """Tasks that it runs at a time."""
    machine: str = ""
    """What identifies the machine: tasks of two nodes of one machine run beside each other."""
    domain: str = ""
    """What identifies the devices that it sees: two nodes of one domain have the same."""


HERE = Node("", 1)
"""This machine."""


class Spread(Pool, Protocol):
    """A pool of several nodes, which may differ, join and leave. `submit` runs a task in a process of this machine."""

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are ready for tasks."""
        ...

    def devices(self, node: Node, needs: Sequence[str]) -> tuple[str, ...]:
        """Return the devices of a node on which it can do all that is needed; empty if it cannot."""
        ...

    def processors(self) -> set[str]:
        """Return the models of the nodes' processors."""
        ...

    def source(self, digest: str, spec: ComponentSpec, *, own: bool) -> None:
        """Take note of what a dataset is made from; ``own``: by a plugin of harness."""
        ...

    def each(self, ask: Callable[[Pool], T]) -> dict[str, T]:
        """Call a function with each node as a pool, all at once; return what it returned by node."""
        ...

    def learn(self, abilities: Mapping[str, Abilities], ask: Callable[[Pool], Abilities]) -> None:
        """Take note of what nodes can do, and of how to find that out of nodes that join later."""
        ...

    def submit_to(self, node: Node, task: Task, report: Report | None = None) -> Future[Any]:
        """Start a task on a node; its result is `Failure` ``lost`` if the node leaves before it has ended.

        It is `Failure` ``no room`` if the node has no room for the dataset, which it then lacks: see `devices`.
        """
        ...

    def changed(self) -> bool:
        """Wait, while no task runs, until a node has joined; return False after a while without one.

        Raises:
            LostError: no node is left.
        """
        ...
