"""Which task runs when and where: as many at a time as the pool takes, on every device but the CPU one at a time."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import printable
from harness.execution.pools import Failure, Pool, Task
from harness.execution.pools.pool import DATASET, HERE, Node, Spread
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
    slots: int = 1
    """Slots of a pool on this machine that it takes. Nothing overtakes one that waits for several."""
    alone: bool = False
    """Whether nothing else runs on its machine meanwhile; of several tasks, all are or none is."""

    @property
    def data(self) -> list[str]:
        """The datasets among what it needs."""
        return [need for need in self.needs if need.startswith(DATASET)]


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


class _Waiting:
    """The numbers of the tasks that wait, in their order, by kind: where one finds no place, no other of its kind does.

    What a start costs does not grow with the tasks that wait.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        self._works = works
        self.spread = all(work.needs for work in works)
        """Whether none runs in the driver."""
        self._queues: dict[object, deque[tuple[int, int]]] = defaultdict(deque)
        """Of each kind, the tasks' numbers, each after its place in the order."""
        for index in range(len(works)):
            self._queue(index).append((index, index))
        self._firsts = sorted(queue[0] for queue in self._queues.values())
        self._front = 0

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def firsts(self) -> Iterator[int]:
        """Yield the first task of each kind, in their order."""
        return (index for _, index in self._firsts)

    def all(self) -> list[int]:
        """Return every task that waits."""
        return [index for _, index in sorted(entry for queue in self._queues.values() for entry in queue)]

    def take(self, index: int) -> None:
        """Remove the first task of its kind."""
        queue = self._queue(index)
        self._firsts.pop(bisect_left(self._firsts, queue.popleft()))
        if queue:
            insort(self._firsts, queue[0])

    def put_first(self, indices: Sequence[int]) -> None:
        """Add tasks before all others."""
        for index in reversed(indices):
            queue = self._queue(index)
            if queue:
                self._firsts.pop(bisect_left(self._firsts, queue[0]))
            self._front -= 1
            queue.appendleft((self._front, index))
            insort(self._firsts, queue[0])

    def _queue(self, index: int) -> deque[tuple[int, int]]:
        work = self._works[index]
        return self._queues[work.devices, work.needs, work.share, work.slots]


def together(pool: Pool, works: Sequence[Work]) -> Iterator[tuple[int, Any]]:
    """Run tasks, and yield the number and the result of each as it ends.

    They are started in their order, but for those whose devices are all in use. One whose machine is lost is started
    once more, before those that wait; one whose machine has no room for the dataset is started elsewhere.
    """
    waiting = _Waiting(works)
    running: _Running = {}
    restarted: set[int] = set()
    unplaced: set[int] = set()
    """Those that wait and have been said to be started."""
    refusals: dict[str, dict[str, None]] = defaultdict(dict)
    """By dataset, why nodes are left out for it."""
    _start(pool, works, waiting, running, unplaced)
    while running or waiting:
        if not running and not (implements(pool, Spread) and pool.changed()):
            yield from ((index, _unable(works[index], refusals)) for index in waiting.all())
            return
        ended = [(running.pop(future)[0], future.result()) for future in pool.wait()] if running else []
        refused = {index: result.reason for index, result in ended if _is(result, "no room")}
        for index, reason in refused.items():
            for need in works[index].data:
                refusals[need][reason] = None
        unplaced.update(refused)
        again = [index for index, result in ended if _is(result, "lost") and index not in restarted]
        restarted.update(again)
        waiting.put_first([*again, *refused])
        for index, result in ended:
            if index in again and (lost := works[index].lost):
                lost(result)
        # First the pool gets new work, then the caller the results: nothing idles while results are written.
        _start(pool, works, waiting, running, unplaced)
        yield from ((index, result) for index, result in ended if index not in again and index not in refused)


def _is(result: Any, status: str) -> bool:
    return type(result) is Failure and result.status == status


def _unable(work: Work, refusals: Mapping[str, Iterable[str]]) -> Failure:
    why = "; ".join(reason for need in work.data for reason in refusals.get(need, ()))
    return Failure("failed", printable(f"no node that can run it is left{why and ': '}{why}"))


def _start(pool: Pool, works: Sequence[Work], waiting: _Waiting, running: _Running, unplaced: set[int]) -> None:
    """Start what fits, and move it from ``waiting`` to ``running``; of ``unplaced`` nothing is said once more."""
    while waiting and (chosen := _next(pool, works, waiting, running)):
        index, spot = chosen
        waiting.take(index)
        work = works[index]
        if work.started and index not in unplaced:
            work.started()
        unplaced.discard(index)
        task = replace(work.task, argument=work.task.argument.on(spot.device))
        if work.needs and implements(pool, Spread):
            future = pool.submit_to(spot.node, task, work.report)
        else:
            future = pool.submit(task, work.report)
        running[future] = chosen
        neighbours = [number for number, other in running.values() if other.node.machine == spot.node.machine]
        if len(neighbours) > 1:
            for number in neighbours:
                beside = works[number].beside
                if beside:
                    beside()


def _next(pool: Pool, works: Sequence[Work], waiting: _Waiting, running: _Running) -> tuple[int, _Spot] | None:
    """Return the first task that waits and fits somewhere, and where: on the node with the most room."""
    spread = pool if implements(pool, Spread) else None
    taken: Counter[str] = Counter()
    for number, spot in running.values():
        taken[spot.node.name] += works[number].slots
    here = [replace(HERE, slots=1 if spread else pool.slots)]
    nodes = sorted(spread.nodes() if spread else [], key=lambda node: (taken[node.name] - node.slots, taken[node.name]))
    here, nodes = ([node for node in each if taken[node.name] < node.slots] for each in (here, nodes))
    busy = {spot.node.machine for _, spot in running.values()}
    if not nodes and (waiting.spread or not here):
        return None
    used = Counter(spot.counted for _, spot in running.values())
    least: dict[tuple[str, str], int] = {}
    for number, spot in running.values():
        least[spot.counted] = min(works[number].share, least.get(spot.counted, works[number].share))
    for index in waiting.firsts():
        work = works[index]
        if work.slots > 1 and taken[HERE.name] + work.slots > pool.slots:
            return None
        for node in nodes if spread and work.needs else here:
            if work.alone and node.machine in busy:
                continue
            for device in spread.devices(node, work.needs) if spread and work.needs else work.devices or (SHARED,):
                spot = _Spot(node, device)
                if device == SHARED or used[spot.counted] < min(work.share, least.get(spot.counted, work.share)):
                    return index, spot
    return None
