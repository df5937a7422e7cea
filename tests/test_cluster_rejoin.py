"""Nodes that come, leave and come back while something else happens; a connection that ends; workers that are busy."""

import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from harness.errors import HarnessError, LostError
from harness.execution.pools.cluster import arrival, roster
from harness.execution.pools.cluster.arrival import wait_for_first
from harness.execution.pools.cluster.lending import Lender
from harness.execution.pools.cluster.messages import Messages, Running
from harness.execution.pools.cluster.nodes import Member, UnfitError, busy
from harness.execution.pools.cluster.pool import Cluster
from harness.execution.pools.cluster.roster import Roster
from harness.execution.pools.cluster.waiting import GoneError, await_future
from harness.execution.pools.pool import Node
from harness.trial.tasks import Failure

ADDRESS = "tcp://n:9000"


@pytest.fixture
def field(monkeypatch):
    """Return a roster, the lines that it says, and how the next worker that is looked at answers: a function."""
    answers, lines, keys = [], [], []

    def opened(_client, address, _about, settings, _threads, gone):
        keys.append(settings.key)
        member = Member(address, Node(settings.node, 1), None, "folder", None, gone=gone)
        answers.pop(0)(member)
        return member

    monkeypatch.setattr(roster, "opened", opened)
    monkeypatch.setattr(roster, "examined", lambda *_, **__: None)
    members = Roster(None, "topic", {}, 1, None, lambda _kind, text: lines.append(text), third_party=False)
    monkeypatch.setattr(roster.threading, "Thread", _AtOnce)
    return SimpleNamespace(roster=members, said=lines, answers=answers, keys=keys)


class _AtOnce:
    """A thread that does all it has to do when it is started."""

    def __init__(self, target, args=(), daemon=None):
        del daemon
        self.start = lambda: target(*args)


def fits(_member):
    """Say nothing: it can take part."""


def unfit(_member):
    """Refuse."""
    raise UnfitError("it has numpy 1.0, and this environment 2.0")


def silent(_member):
    """Do not answer."""
    raise GoneError


@pytest.mark.parametrize(
    ("answer", "line"),
    [(unfit, "it has numpy 1.0, and this environment 2.0"), (silent, "it does not answer")],
)
def test_a_node_that_was_left_out_is_asked_again_when_it_rejoins(field, answer, line):
    """Mended and started again it takes part, also where its end was heard before it was looked at."""
    field.answers += [answer, fits]
    field.roster._look_at(ADDRESS, {"name": "n"})
    assert field.said == [f"node n is left out: {line}"]
    assert (field.roster.members(), list(field.roster.joining)) == ([], [])
    field.roster._look_at(ADDRESS, {"name": "n"})
    assert list(field.roster.ready) == ["n"]
    assert len(set(field.keys)) == 2


def test_a_node_that_leaves_while_it_is_looked_at_is_not_taken_for_the_one_that_follows(field):
    """One address, one name: the end of the first is not the second's, nor is the first's late answer."""

    def replaced(_member):
        field.roster._removed(ADDRESS)
        field.roster._look_at(ADDRESS, {"name": "n"})

    field.answers += [replaced, fits]
    field.roster._look_at(ADDRESS, {"name": "n"})
    [member] = field.roster.members()
    assert field.roster.ready == {"n": member}
    assert not member.gone.is_set()
    assert field.said == ["node n is left out: it does not answer"]
    field.roster._removed(ADDRESS)
    assert field.roster.ready == {}
    assert field.said[1:] == ["node n has left"]


def test_a_run_begins_without_a_node_that_is_late(monkeypatch):
    """A stopped worker is known to the scheduler for five minutes; a busy one may be so for hours."""
    monkeypatch.setattr(arrival, "SAY_SECONDS", -1.0)
    monkeypatch.setattr(arrival, "LATE_SECONDS", -1e9)
    lines, late = [], SimpleNamespace(joining={1: "slow", 2: "busy"}, ready={}, refused={})
    moments = []

    def pass_by():
        moments.append(len(moments))
        if len(moments) == 2:
            late.ready["n"] = "a member"

    wait_for_first(late, pass_by, lines.append)
    assert len(moments) == 3
    assert lines == ["not ready yet: busy, slow. A worker takes part once it answers and has a free thread"]
    late.ready.clear()
    late.joining.clear()
    late.refused["n"] = "it does not answer"
    with pytest.raises(HarnessError, match="none of its nodes can take part: n: it does not answer"):
        wait_for_first(late, lambda: None, lines.append)


def test_a_scheduler_keeps_no_event_of_a_driver():
    """Those of a driver that was killed would stay as long as the scheduler does. Each is passed on all the same."""
    broker, passed_on = pytest.importorskip("distributed.broker"), []
    scheduler = SimpleNamespace(plugins={}, send_all=lambda clients, **_: passed_on.append(clients["me"][0]["event"]))
    scheduler._broker = broker.Broker(1000, scheduler)
    scheduler._broker.subscribe("harness-1", "me")
    roster.keep_none("harness-1", scheduler)
    scheduler._broker.publish("harness-1", (1, "said", b"epoch"))
    assert [message for _, message in passed_on] == [(1, "said", b"epoch")]
    assert scheduler._broker.get_events("harness-1") == ()


def test_a_worker_whose_threads_have_other_tasks_is_waited_for():
    """Not one whose thread has this task, which then takes too long."""
    tasks = [SimpleNamespace(key="other"), SimpleNamespace(key="another")]
    worker = SimpleNamespace(state=SimpleNamespace(executing=tasks, nthreads=2))
    assert busy("mine", worker)
    assert not busy("other", worker)
    worker.state.nthreads = 3
    assert not busy("mine", worker)
    client, calls = SimpleNamespace(status="running"), []
    future = SimpleNamespace(add_done_callback=lambda _: None, cancel=lambda: calls.append("cancelled"))
    with pytest.raises(GoneError):
        await_future(client, future, seconds=0.0, further=lambda: calls.append("busy") or len(calls) < 3)
    assert calls == ["busy", "busy", "busy", "cancelled"]


@pytest.fixture
def running():
    """Return a pool with two tasks under way, and its client."""
    client = SimpleNamespace(status="running", scheduler_comm="first")
    pool = Cluster.__new__(Cluster)
    pool._client, pool._connection, pool._stopped = client, "first", threading.Event()
    pool._messages, pool._shipments = Messages(), {}
    pool._running = {1: Running(None), 2: Running(None)}
    pool._roster = SimpleNamespace(ready={"n": Member(ADDRESS, Node("n", 1), None, "folder", None)}, late=Counter())
    return pool, client


@pytest.mark.parametrize("change", [{"status": "connecting"}, {"scheduler_comm": "second"}], ids=["gone", "back"])
def test_what_came_home_before_the_scheduler_was_lost_is_kept(running, change):
    """The rest is an interruption, also where the connection is back: the nodes have ended what they had for it."""
    pool, client = running
    first = pool._running[1].future
    vars(client).update(change)
    pool._messages.put("ended", 2, Failure("lost", "the node n was lost"))
    pool._messages.put("ended", 1, "trained")
    assert pool.wait() == [first]
    assert first.result() == "trained"
    assert pool.nodes() == []
    with pytest.raises(LostError, match="the scheduler of the cluster was lost"):
        pool.wait()


def test_nodes_that_leave_while_they_are_listed_end_no_run(running):
    """They leave in Dask's thread, between two steps of the driver's."""
    pool, _ = running
    ready = pool._roster.ready

    class Alone:
        def __getattr__(self, name):
            ready.pop("n", None)
            return {"facts": {"processor": "a"}, "node": Node("m", 1)}[name]

    for listed, expected in ((pool.processors, {"a"}), (pool.nodes, [Node("m", 1)] * 2)):
        ready |= {"m": Alone(), "n": Alone()}
        assert listed() == expected


def test_an_interrupt_waits_for_no_answer_of_a_node(running, monkeypatch):
    """It may have no free thread for hours. What it is asked ends with the pool; a line says who is waited for."""
    pool, _ = running
    lines, event = [], threading.Event()
    pool._say = lambda text: lines.append(text) or pool._stopped.set()
    monkeypatch.setattr(arrival, "SAY_SECONDS", 0.05)

    def interrupted(_futures, seconds):
        assert event.wait(60.0)
        assert seconds == 0.05
        raise KeyboardInterrupt

    def ask(_node):
        event.set()
        pool._stopped.wait(60.0)
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(arrival, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.each(ask)  # it returns, although the node has not answered
        assert not pool._stopped.is_set()
    assert pool.each(ask) == {"n": {}}
    assert lines == ["still asked what it can do: n. It may have no free thread, or hang"]


def test_a_run_is_planned_without_a_node_that_hangs(running, monkeypatch):
    """Not where no other has answered. It is asked nothing more while it is late, unless all are."""
    pool, _ = running
    monkeypatch.setattr(arrival, "SAY_SECONDS", 0.01)
    monkeypatch.setattr(arrival, "LATE_SECONDS", -1e9)
    ready, lines, held = pool._roster.ready, [], threading.Event()
    ready["hung"] = hung = Member(ADDRESS, Node("hung", 1), None, "folder", None)
    pool._say = lines.append

    def ask(node):
        if node._member is hung:
            assert held.wait(60.0)
        return {}

    assert pool.each(ask) == {"n": {}}
    still = "still asked what it can do: hung. It may have no free thread, or hang"
    assert lines == [still, "no answer yet: hung. The others begin, and it takes part once it answers"]
    pool._roster.late[hung] = 1
    assert pool.each(ask) == {"n": {}}
    assert len(lines) == 2
    del ready["n"]
    pool._say = lambda line: lines.append(line) or held.set()
    assert pool.each(ask) == {"hung": {}}
    assert lines[2:] == [still]


def test_a_node_that_answers_late_takes_part_then(field):
    """It is shown once it has answered everything; one that has left meanwhile, or its place, is not."""
    field.answers += [fits, fits]
    field.roster._look_at("tcp://n:1", {"name": "n"})
    field.roster._look_at("tcp://m:1", {"name": "m"})
    members = field.roster.ready
    n, m = members["n"], members["m"]
    asked = []

    def first(member):
        asked.append(member)
        field.roster.learn({"m": {}}, second)  # of another dataset, meanwhile
        assert field.said == []
        assert [line.partition(",")[0] for line in field.roster.lines()] == ["node m: 1 trial at a time"]
        return {"one": ("cpu",)}

    def second(member):
        asked.append(member)
        return {"two": ("cpu",)}

    field.roster.learn({"m": {"one": ("cpu",)}}, first)
    assert asked == [n, n]
    assert n.devices(["one", "two"]) == m.devices(["one"]) == ("cpu",)
    assert field.said == ["node n: 1 trial at a time, cpu, unknown processor"]
    assert field.roster.lines() == []

    def leaves(_member):
        field.roster._removed("tcp://n:1")
        return {}

    field.roster.learn({"m": {}}, leaves)
    assert field.said[1:] == ["node n has left"]


def test_a_node_that_is_lost_alone_ends_its_task(running):
    """It is run once more elsewhere."""
    pool, _ = running
    pool._messages.put("ended", 2, Failure("lost", "the node n was lost"))
    [future] = pool.wait()
    assert future.result() == Failure("lost", "the node n was lost")


def test_a_task_that_is_ended_before_it_has_a_process_leaves_none(monkeypatch):
    """The pool would have started one after its end, for a task that serves no driver any more."""
    lender, log = Lender(), []

    class Pool:
        def submit(self, _task, _report):
            lender.end("name")
            log.append("started")
            return SimpleNamespace(done=lambda: False)

        def wait(self):
            log.append("waited")

        def stop(self):
            log.append("stopped")

    monkeypatch.setattr(lender, "_new", Pool)
    assert lender.run("name", None) is None
    assert log == ["stopped", "started", "stopped"]
