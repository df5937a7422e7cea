"""Which task runs on which node of a cluster: where it can, one a device, elsewhere where its node is lost."""

from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, replace

import pytest

from harness.errors import LostError
from harness.execution.dispatch import Work, together
from harness.execution.pools import Failure, Task
from harness.execution.pools.pool import DATASET, Node, Spread
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
        able = [self._able.get((node.name, need), ()) for need in needs]
        return tuple(device for device in able[0] if all(device in other for other in able))

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


class Small(Nodes):
    """A cluster of which some nodes turn out to have no room for the dataset, by a name and the first task of each."""

    def __init__(self, nodes, able, small):
        super().__init__(nodes, able)
        self._small, self._full = small, set()

    def devices(self, node, needs):
        """Return nothing on a node that has no room for the dataset."""
        data = [need for need in needs if need.startswith(DATASET)]
        full = any((node.name, need) in self._full for need in data)
        return () if full else super().devices(node, [need for need in needs if need not in data])

    def wait(self):
        """End the first task, or find that it does not fit there."""
        future, node, _ = self._running[0]
        if node.name not in self._small:
            return super().wait()
        self._running.pop(0)
        self._full.add((node.name, DATA))
        future.set_result(Failure("no room", f"node {node.name} is left out for digits: no room"))
        return [future]


DATA = f"{DATASET}123"


def work(number, *needs, lost=None, beside=None, share=1, started=None):
    """Return a task that needs something."""
    return Work(Task(print, Where(number), "x"), ("cpu",), started, beside, needs=needs, lost=lost, share=share)


def test_a_task_goes_only_where_it_can_run():
    """Its backend is on one node, the other's on both; what needs no node stays in the driver."""
    pool = Nodes([Node("a", 1), Node("b", 1)], {("a", "x"): ("cpu",), ("a", "y"): ("cpu",), ("b", "y"): ("cpu",)})
    assert implements(pool, Spread)
    results = dict(together(pool, [work(0, "x"), work(1, "x"), work(2, "y"), work(3), work(4, "x", "y")]))
    assert [results[number] for number in (0, 1, 3, 4)] == ["a", "a", "here", "a"]
    assert results[2] == "b"


@pytest.mark.parametrize("spread", [True, False], ids=["on nodes", "in the driver"])
def test_what_a_start_costs_does_not_grow_with_the_tasks_that_wait(spread):
    """Each is looked at a few times, however many there are and whatever they need."""

    class Works(list):
        looked = 0

        def __getitem__(self, index):
            Works.looked += 1
            return super().__getitem__(index)

    pool = Nodes([Node("a", 4)], {("a", str(number)): ("cpu",) for number in range(500)})
    works = Works(work(number, *[str(number)] * spread) for number in range(500))
    list(together(pool, works))
    assert [number for number, *_ in pool.started] == list(range(500))
    assert Works.looked < 30 * len(works)


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


def test_tasks_that_run_alone_share_no_machine_and_use_every_one():
    """Two of three nodes are one machine's; where a node is lost, its task runs elsewhere, alone again."""

    class Machines(Nodes):
        machines = ()

        def submit_to(self, node, task, report=None):
            self.machines += (Counter([node.machine, *(other.machine for _, other, _ in self._running)]),)
            return super().submit_to(node, task, report)

    nodes = [Node("a", 4, "m1"), Node("b", 2, "m2"), Node("c", 2, "m2")]
    pool = Machines(nodes, {(name, "x"): ("cpu",) for name in "abc"}, losses={(2, "a"): 1})
    works = [replace(work(number, "x"), alone=True) for number in range(6)]
    assert sorted(index for index, _ in together(pool, works)) == list(range(6))
    assert [max(machines.values()) for machines in pool.machines] == [1] * 7
    assert pool.at_once == 2
    assert [number for number, *_ in pool.started] == [0, 1, 2, 3, 2, 4, 5]


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


def test_the_tasks_of_a_node_without_room_run_elsewhere():
    """In their order, said to be started once, and not lost; tasks with other data go on there."""
    started, lost = [], []
    able = {(name, need): ("cpu",) for name in "ab" for need in "xy"}
    pool = Small([Node("a", 2), Node("b", 1)], able, {"a"})
    works = [
        work(number, need, DATA, started=lambda number=number: started.append(number), lost=lost.append)
        for number, need in enumerate("xyxy")
    ]
    assert sorted(together(pool, works)) == [(number, "b") for number in range(4)]
    assert [started, lost] == [[0, 1, 2, 3], []]
    assert [number for number, name, _ in pool.started if name == "b"] == [1, 0, 2, 3]
    pool._small = {}
    assert set(dict(together(pool, [work(0, "x", f"{DATASET}other"), work(1, "x", f"{DATASET}other")])).values()) == {
        "a", "b",
    }  # fmt: skip


def test_tasks_that_no_node_has_room_for_fail_with_every_nodes_reason():
    """Those too that were never sent; the others run."""
    able = {(name, need): ("cpu",) for name in "ab" for need in "xy"}
    pool = Small([Node("a", 1), Node("b", 1)], able, {"a", "b"})
    results = dict(together(pool, [work(0, "x", DATA), work(1, "y", DATA), work(2, "y", DATA), work(3)]))
    left_out = [f"node {name} is left out for digits: no room" for name in "ab"]
    assert results.pop(3) == "here"
    assert set(results) == {0, 1, 2}
    for result in results.values():
        assert result.status == "failed"
        assert result.reason == f"no node that can run it is left: {left_out[0]}; {left_out[1]}"
