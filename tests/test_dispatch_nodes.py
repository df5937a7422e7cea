"""Which task runs on which node of a cluster: where it can, one a device, elsewhere where its node is lost."""

from concurrent.futures import Future
from dataclasses import dataclass, replace

import pytest

from harness.errors import LostError
from harness.execution.dispatch import Work, together
from harness.execution.pools import Failure, Task
from harness.execution.pools.pool import Node, Spread
from harness.interfaces import implements


@dataclass(frozen=True)
class Where:
    """An argument that says where it is."""

    number: int
    device: str = ""

    def on(self, device):
        """Return the same on a device."""
        return replace(self, device=device)


class Nodes:
    """A cluster that runs nothing: each `wait` ends the task that was started first."""

    def __init__(self, nodes, able, losses=(), joining=()):
        self._nodes, self._able, self._losses, self._joining = list(nodes), able, dict(losses), list(joining)
        self._running, self.started, self.at_once = [], [], 0

    @property
    def slots(self):
        """Return the tasks that run at a time."""
        return sum(node.slots for node in self._nodes)

    def nodes(self):
        """Return the nodes."""
        return list(self._nodes)

    def devices(self, node, needs):
        """Return the devices that all needs have in common."""
        found = [self._able.get((node.name, need), ()) for need in needs]
        return tuple(device for device in found[0] if all(device in other for other in found))

    def submit_to(self, node, task, report=None):
        """Start a task on a node."""
        del report
        future = Future()
        self._running.append((future, node, task))
        self.started.append((task.argument.number, node.name, task.argument.device))
        self.at_once = max(self.at_once, len(self._running))
        return future

    def submit(self, task, report=None):
        """Start a task in the driver."""
        return self.submit_to(Node("here", 1), task, report)

    def wait(self):
        """End the first task, or lose its node with all that runs there."""
        future, node, task = self._running.pop(0)
        if self._losses.pop((task.argument.number, node.name), None):
            self._nodes = [other for other in self._nodes if other.name != node.name]
            gone = [entry for entry in self._running if entry[1].name == node.name]
            self._running = [entry for entry in self._running if entry not in gone]
            for lost in [future, *(entry[0] for entry in gone)]:
                lost.set_result(Failure("lost", f"the node {node.name} was lost"))
            return [future, *(entry[0] for entry in gone)]
        future.set_result(node.name)
        return [future]

    def changed(self):
        """Let the next node join."""
        if not self._joining:
            if not self._nodes:
                raise LostError("no node is left")
            return False
        self._nodes.append(self._joining.pop(0))
        return True

    def processors(self):
        """Not used here."""

    def source(self, digest, spec, *, own):
        """Not used here."""

    def each(self, ask):
        """Not used here."""

    def learn(self, abilities, ask):
        """Not used here."""

    def stop(self):
        """Not used here."""


def work(number, *needs, lost=None, beside=None, share=1):
    """Return a task that needs something."""
    return Work(Task(print, Where(number), "x"), ("cpu",), needs=needs, lost=lost, beside=beside, share=share)


def test_a_task_goes_only_where_it_can_run():
    """Its backend is on one node, the other's on both; what needs no node stays in the driver."""
    pool = Nodes([Node("a", 1), Node("b", 1)], {("a", "x"): ("cpu",), ("a", "y"): ("cpu",), ("b", "y"): ("cpu",)})
    assert implements(pool, Spread)
    results = dict(together(pool, [work(0, "x"), work(1, "x"), work(2, "y"), work(3), work(4, "x", "y")]))
    assert [results[number] for number in (0, 1, 3, 4)] == ["a", "a", "here", "a"]
    assert results[2] == "b"


def test_devices_are_counted_by_node_and_nodes_of_one_machine_share_them():
    """Two machines have two devices of one name; two workers of one machine have one."""
    able = {(name, "x"): ("gpu:0",) for name in "abc"}
    nodes = [Node("a", 4, "m1", "d1"), Node("b", 4, "m2", "d2"), Node("c", 4, "m2", "d2")]
    pool = Nodes(nodes, able)
    list(together(pool, [work(number, "x") for number in range(6)]))
    assert pool.at_once == 2
    pool = Nodes(nodes, able)
    list(together(pool, [work(number, "x", share=2) for number in range(6)]))
    assert pool.at_once == 4


def test_only_what_runs_on_the_same_machine_runs_beside():
    """Of three nodes two are one machine's."""
    beside = set()
    pool = Nodes(
        [Node("a", 1, "m1"), Node("b", 1, "m2"), Node("c", 1, "m2")], {(name, "x"): ("cpu",) for name in "abc"}
    )
    works = [work(number, "x", beside=lambda number=number: beside.add(number)) for number in range(3)]
    list(together(pool, works))
    placed = {number: name for number, name, _ in pool.started}
    assert {placed[number] for number in beside} == {"b", "c"}


def test_the_tasks_of_a_lost_node_run_once_more_elsewhere():
    """Each is said to be lost once; one whose second node is lost too has failed."""
    lost = []
    able = {(name, "x"): ("cpu",) for name in "abc"}
    pool = Nodes([Node("a", 2), Node("b", 1)], able, {(0, "a"): True})
    works = [
        work(number, "x", lost=lambda failure, number=number: lost.append((number, failure))) for number in range(3)
    ]
    assert dict(together(pool, works)) == {0: "b", 1: "b", 2: "b"}
    assert [number for number, _ in lost] == [0, 2]
    assert lost[0][1].reason == "the node a was lost"
    pool = Nodes([Node("a", 1), Node("b", 1)], able, {(0, "a"): True, (0, "b"): True}, [Node("c", 1)])
    assert dict(together(pool, [work(0, "x")])) == {0: Failure("lost", "the node b was lost")}


def test_nodes_may_join_and_what_none_can_run_fails_in_the_end():
    """A task waits for a node that can run it; the run is interrupted when no node is left."""
    pool = Nodes([Node("a", 1)], {("b", "x"): ("cpu",)}, joining=[Node("b", 1)])
    assert dict(together(pool, [work(0, "x")])) == {0: "b"}
    pool = Nodes([Node("a", 1)], {})
    assert dict(together(pool, [work(0, "x")])) == {0: Failure("failed", "no node that can run it is left")}
    with pytest.raises(LostError, match="no node is left"):
        list(together(Nodes([], {}), [work(0, "x")]))
