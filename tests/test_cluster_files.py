"""Files of an order on a node: of checkpoints the last alone, nothing of an order that could not be sent."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.execution.pools.cluster import session
from harness.execution.pools.cluster.orders import Order, Settings
from harness.execution.pools.cluster.shipping import Shipment, piece_of
from harness.execution.pools.cluster.waiting import GoneError, result_of
from harness.machine.files import write_bytes
from harness.trial.tasks import Failure, Task
from tests.test_cluster_data import Reads, Remote

CHECKPOINT = "0-checkpoint.npz"


@pytest.fixture
def shipped(tmp_path):
    """Return a shipment whose job keeps a checkpoint, the folder of its order, and what announces a checkpoint."""
    shipment = Shipment(1, "topic", Remote(tmp_path, "n"), Task(print, None, "x", tmp_path / "log.txt"), data=None)
    shipment._updates[CHECKPOINT] = tmp_path / "driver" / "checkpoint.npz"
    folder = Path(shipment.folder)
    folder.mkdir(parents=True)
    announced = []
    worker = SimpleNamespace(log_event=lambda _topic, event: announced.append(event[2]))
    order = Order(1, "topic", "key", str(folder), b"", "x", None, isolated=False, updates=(CHECKPOINT,))
    under = session._Under(worker, order)

    def write(content):
        """Have the job write a checkpoint; return whether the driver has to begin to fetch."""
        write_bytes(folder / CHECKPOINT, content, durable=False)
        under.look()
        name, about = announced.pop()
        return shipment.announce(name, piece_of(about))

    return shipment, folder, write


def test_a_node_keeps_no_checkpoint_that_the_driver_has(shipped, tmp_path):
    """A trial of ten hours writes three hundred, each as large as its network."""
    shipment, folder, write = shipped
    for number in range(5):
        assert write(b"checkpoint %d" % number)
        shipment.update()
    assert [path.name for path in folder.iterdir()] == [CHECKPOINT]
    assert (tmp_path / "driver" / "checkpoint.npz").read_bytes() == b"checkpoint 4"


def test_of_checkpoints_that_come_while_one_is_fetched_the_last_is_taken(shipped, tmp_path, monkeypatch):
    """In their order, and by one thread: a slow link delays no other trial's. Meanwhile the log goes on."""
    shipment, folder, write = shipped
    line, fetched = shipment.member.line, []
    fetch = line.fetch_to

    def slow(piece, path):
        fetched.append(Path(piece.path).name)
        if len(fetched) == 1:
            assert [write(content) for content in (b"second", b"third")] == [False, False]
            logged = threading.Thread(target=shipment.keep_log, args=(0, b"epoch 2"), daemon=True)
            logged.start()  # as the driver does, which must not wait for the link
            logged.join(60.0)
            assert not logged.is_alive()
        fetch(piece, path)

    monkeypatch.setattr(line, "fetch_to", slow)
    assert write(b"first")
    shipment.update()
    assert fetched == [f"{CHECKPOINT}.1", f"{CHECKPOINT}.3"]
    assert (tmp_path / "driver" / "checkpoint.npz").read_bytes() == b"third"
    assert (tmp_path / "log.txt").read_text() == "epoch 2"
    assert [path.name for path in folder.iterdir()] == [CHECKPOINT]
    assert write(b"fourth")  # a thread is asked for again


def test_a_checkpoint_that_cannot_be_fetched_costs_no_later_one(shipped, tmp_path):
    """Where the node is lost in the middle, the driver keeps what it has."""
    shipment, _, write = shipped
    write(b"first")
    shipment.update()
    shipment.member.line.breaks = True
    assert write(b"second")
    shipment._updates[CHECKPOINT].unlink()
    shipment._updates[CHECKPOINT].mkdir()  # it cannot be written here either
    shipment.update()
    shipment._updates[CHECKPOINT].rmdir()
    shipment.member.line.breaks = False
    assert write(b"third")
    shipment.update()
    assert (tmp_path / "driver" / "checkpoint.npz").read_bytes() == b"third"


def test_nothing_of_an_order_that_cannot_be_sent_stays_on_the_node(tmp_path, monkeypatch):
    """It has no room for the last of its files: what is there already would fill the disk until the driver ends."""
    node = Remote(tmp_path, "n")
    shipment = Shipment(7, "topic", node, Task(print, Reads(tmp_path / "state.npz"), "x"), data=None)

    def full(*_):
        Path(shipment.folder).mkdir(parents=True)
        Path(shipment.folder, "0-state.npz").write_bytes(b"a part")
        raise OSError(28, "No space left on device", f"{shipment.folder}/0-state.npz")

    monkeypatch.setattr(shipment, "_send", full)
    failure = shipment.result(None, threading.Event())
    assert failure == Failure("failed", f"node n: no space left on the disk of {shipment.folder}")
    assert not Path(shipment.folder).exists()


def test_a_session_ends_with_all_that_it_has_however_it_ends(tmp_path, monkeypatch):
    """An error of the worker's connection to the scheduler left its processes running."""
    worker = _Worker(tmp_path)
    monkeypatch.setitem(session._SESSIONS, worker, {})
    opened = session.Session(worker, Settings("topic", "n", "key", {}, "", {}))
    session._SESSIONS[worker]["topic"] = opened
    stopped = []
    monkeypatch.setattr(opened.lender, "stop", lambda: stopped.append(True))
    monkeypatch.setattr(opened, "_watch", lambda: (_ for _ in ()).throw(RuntimeError("Event loop is closed")))
    with pytest.raises(RuntimeError, match="closed"):
        opened.watch()
    assert stopped
    assert opened.over.is_set()
    assert not opened.folder.exists()
    assert session._SESSIONS[worker] == {}


class _Worker:
    """A worker that has a folder."""

    def __init__(self, folder):
        self.local_directory = folder


def test_the_result_of_a_node_that_leaves_is_not_waited_for():
    """Dask would wait until another worker makes it, which none may. On a slow link it is waited for."""
    timeouts, gone = [], threading.Event()

    def result(timeout):
        timeouts.append(timeout)
        if len(timeouts) < 3:
            raise TimeoutError
        return "result"

    future = SimpleNamespace(result=result)
    assert result_of(future, [gone]) == "result"
    assert timeouts == sorted(timeouts)
    timeouts.clear()
    gone.set()
    with pytest.raises(GoneError):
        result_of(future, [gone])
    assert len(timeouts) == 1
