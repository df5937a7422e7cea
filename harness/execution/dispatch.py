"""Which task runs when and where: as many at a time as the pool takes, on every device but the CPU one at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from harness.execution.pools import Failure, Pool, Task
from harness.execution.pools.pool import HERE, Node, Spread
from harness.interfaces import implements
from harness.trial.tasks import Report

SHARED = "cpu"
"""The device that several tasks may use at a time."""


class Stopped(Exception):  # noqa: N818 - not an error: it was asked for
    """The run is to stop here."""


@dataclass(frozen=True)
class Work:
    """A task whose argument can be moved to a device (it has a method ``on``), and the devices that it may use."""

    task: Task
    devices: tuple[str, ...]
    started: Callable[[], None] | None = None
    beside: Callable[[], None] | None = None
    """Called whenever another task has come to run on the same machine at the same time."""
    report: Report | None = None
    needs: tuple[str, ...] = ()
    """What a node of a cluster must be able to do, as `Spread.devices` knows it; empty: it runs in the driver."""
    share: int = 1
    """Tasks that may use a device at a time, if all of them allow that many."""
    lost: Callable[[Failure], None] | None = None
    """Called when its machine has gone, before it is started once more."""


@dataclass(frozen=True)
class _Spot:
    """Where a task runs: a device of a node."""

    node: Node
    device: str

    @property
    def counted(self) -> tuple[str, str]:
        """The device, of whichever node of its machine."""
        return self.node.domain, self.device


_Running = dict[Future[Any], tuple[int, _Spot]]


def together(pool: Pool, works: Sequence[Work]) -> Iterator[tuple[int, Any]]:
    """Run tasks, and yield the number and the result of each as it ends.

    They are started in their order, but for those whose devices are all in use. One whose machine is lost is started
    once more, before those that wait.
    """
    waiting = list(range(len(works)))
    running: _Running = {}
    restarted: set[int] = set()
    _start(pool, works, waiting, running)
    while running or waiting:
        if not running and not (implements(pool, Spread) and pool.changed()):
            yield from ((index, Failure("failed", "no node that can run it is left")) for index in waiting)
            return
        ended = [(running.pop(future)[0], future.result()) for future in pool.wait()] if running else []
        again = [index for index, result in ended if _lost(result) and index not in restarted]
        restarted.update(again)
        waiting[:0] = again
        for index, result in ended:
            if index in again and (lost := works[index].lost):
                lost(result)
        # First the pool gets new work, then the caller the results: nothing idles while results are written.
        _start(pool, works, waiting, running)
        yield from ((index, result) for index, result in ended if index not in again)


def _lost(result: Any) -> bool:
    return type(result) is Failure and result.status == "lost"


def _start(pool: Pool, works: Sequence[Work], waiting: list[int], running: _Running) -> None:
    """Start what fits, and move it from ``waiting`` to ``running``."""
    while waiting and (chosen := _next(pool, works, waiting, running)):
        index, spot = chosen
        waiting.remove(index)
        work = works[index]
        if work.started:
            work.started()
        task = replace(work.task, argument=work.task.argument.on(spot.device))
        if work.needs and implements(pool, Spread):
            future = pool.submit_to(spot.node, task, work.report)
        else:
            future = pool.submit(task, work.report)
        running[future] = chosen
        together = [number for number, other in running.values() if other.node.machine == spot.node.machine]
        if len(together) > 1:
            for number in together:
                beside = works[number].beside
                if beside:
                    beside()


def _next(pool: Pool, works: Sequence[Work], waiting: Sequence[int], running: _Running) -> tuple[int, _Spot] | None:
    """Return the first task that waits and fits somewhere, and where: on the node with the most room."""
    spread = pool if implements(pool, Spread) else None
    taken = Counter(spot.node.name for _, spot in running.values())
    here = [replace(HERE, slots=1 if spread else pool.slots)]
    nodes = sorted(spread.nodes() if spread else [], key=lambda node: (taken[node.name] - node.slots, taken[node.name]))
    used = Counter(spot.counted for _, spot in running.values())
    least: dict[tuple[str, str], int] = {}
    for number, spot in running.values():
        least[spot.counted] = min(works[number].share, least.get(spot.counted, works[number].share))
    tried: set[object] = set()
    for index in waiting:
        work = works[index]
        kind = (work.devices, work.needs, work.share)
        if kind in tried:
            continue
        tried.add(kind)
        for node in nodes if spread and work.needs else here:
            if taken[node.name] >= node.slots:
                continue
            for device in spread.devices(node, work.needs) if spread and work.needs else work.devices or (SHARED,):
                spot = _Spot(node, device)
                if device == SHARED or used[spot.counted] < min(work.share, least.get(spot.counted, work.share)):
                    return index, spot
    return None
