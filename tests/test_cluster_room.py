"""Nodes whose disk is full: left out for a dataset, or the reason of a trial's failure; the other trials go on."""

import errno
import json
import os
import pickle
import re
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.execution.pools.cluster import agent, blocks, data, nodes
from harness.execution.pools.cluster.blocks import Line
from harness.execution.pools.cluster.data import NoRoomError
from harness.execution.pools.cluster.nodes import UnfitError
from harness.execution.pools.cluster.orders import Order, Settings
from harness.execution.pools.cluster.shipping import Shipment
from harness.execution.pools.cluster.waiting import GoneError
from harness.execution.pools.pool import DATASET
from harness.plugins.options import ComponentSpec
from harness.trial.tasks import Failure, Task
from tests.clusters import cluster, harness
from tests.test_cluster_data import Reads, Remote
from tests.test_cluster_data import data as data_of_driver

driver = data_of_driver
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def left_out(node, name, free):
    """Return the line about a node and the dataset of 129,854 bytes."""
    where = f"no room in {Path(node.folder).parent}, 129,854 bytes needed, {free}"
    return f"node {node.node.name} is left out for {name}: {where}"


def test_a_node_without_room_is_left_out_for_the_dataset_before_anything_is_sent(driver, tmp_path, monkeypatch):
    """Nor is it made there; the line is said once, and the node has no device for trials with these data."""
    here, lines, place = driver
    monkeypatch.setattr(data, "free_bytes", lambda _: 98_304)
    node = Remote(tmp_path, "n")
    node.abilities = {"x": ("cpu",)}
    source = ComponentSpec("digits", {}, tmp_path)
    blocks = []
    for _ in range(2):
        with pytest.raises(NoRoomError) as refused:
            place(node, blocks.append, source)
        assert str(refused.value) == left_out(node, "digits", "98,304 free")
    assert lines == [str(refused.value)]
    assert [blocks, node.line.sizes] == [[], []]
    assert node.devices(["x", f"{DATASET}{here.info.digest}"]) == ()
    assert node.devices(["x", f"{DATASET}another"]) == ("cpu",)
    monkeypatch.undo()
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "driver"))
    assert place(Remote(tmp_path, "m")).name == here.info.digest


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_while_data_are_sent_leaves_the_node_out(driver, tmp_path, full):
    """A user's share of a disk may be less than what is free; what was sent is removed."""
    _, lines, place = driver
    node = Remote(tmp_path, "n")
    node.line.full = full
    with pytest.raises(NoRoomError):
        place(node)
    assert [line.partition(": ")[2] for line in lines] == [
        f"no room in {tmp_path / 'n'}, 129,854 bytes needed, more than could be written"
    ]
    assert not list(Path(node.folder).iterdir())


def test_a_task_whose_data_have_no_room_has_a_failure_of_its_kind(tmp_path):
    """By it the task is sent to another node."""

    def refused(_):
        raise NoRoomError("node n is left out")

    class Data(Reads):
        def moved(self, locate):
            return Data(locate(self.path, "data"))

    shipment = Shipment(1, "topic", Remote(tmp_path, "n"), Task(print, Data(tmp_path), "x"), data=refused)
    assert shipment.result(None, None) == Failure("no room", "node n is left out")


def test_a_file_of_a_task_that_has_no_room_fails_that_task_alone(tmp_path):
    """The folder is the node's; on Linux /dev/full is a full disk."""
    (tmp_path / "state.npz").write_bytes(b"weights")
    node = Remote(tmp_path, "n")
    there = Path(node.folder, "topic-1")
    there.mkdir(parents=True)
    (there / "0-state.npz").symlink_to("/dev/full")
    shipment = Shipment(1, "topic", node, Task(print, Reads(tmp_path / "state.npz"), "x"), data=None)
    assert shipment.result(None, None) == Failure("failed", f"node n: no space left on the disk of {there}")


def test_an_error_of_the_connection_is_not_one_of_the_node():
    """Dask passes on both. A node that is lost while data are sent must not fail its trials."""
    answers = {"refused": OSError("Timed out trying to connect to tcp://n"), "full": FULL, "well": 1}
    client = SimpleNamespace(run=lambda *_, workers, **__: {workers[0]: answers[workers[0]]})
    with pytest.raises(GoneError, match="Timed out trying to connect"):
        Line(client, "refused").call(print)
    with pytest.raises(OSError, match="No space left"):
        Line(client, "full").call(print)
    assert Line(client, "well").call(print) == 1


@pytest.fixture
def ordered(tmp_path, monkeypatch):
    """Return a function that has an agent perform an order whose job writes to its log and returns something."""
    over = threading.Event()

    def ran(_key, task, _say):
        task.log.write_text("an epoch is over")
        return pickle.dumps(b"x" * (blocks.SMALL_BYTES + 1))

    @contextmanager
    def attending(_):
        yield SimpleNamespace(say=print, rest=lambda: (b"said",))

    session = SimpleNamespace(node="n", over=over, lender=SimpleNamespace(run=ran), attending=attending)
    monkeypatch.setattr(agent, "session_of", lambda _: session)

    def perform():
        return agent.perform_order(Order(1, "topic", "key", str(tmp_path / "key"), b"", "x", None, isolated=False))

    return perform, session


def failing(code, named):
    """Return a function that fails as one of the system's does."""

    def fails(path, *_, **__):
        raise OSError(code, os.strerror(code), *([str(path)] if named else []))

    return fails


@pytest.mark.parametrize("where", ["folder", "result"])
def test_a_disk_that_is_full_on_a_node_is_the_reason_of_the_failure(ordered, tmp_path, monkeypatch, where):
    """Not the loss of the node. What the job has logged and said comes home all the same."""
    perform, _ = ordered
    if where == "folder":
        monkeypatch.setattr(agent.Path, "mkdir", failing(errno.ENOSPC, named=True))
    else:
        monkeypatch.setattr(agent, "write_bytes", failing(errno.ENOSPC, named=True))
    returned = perform()
    folder = tmp_path if where == "folder" else tmp_path / "key"
    reason = f"node n: no space left on the disk of {folder}"
    assert pickle.loads(returned.result.content) == Failure("failed", reason)  # noqa: S301 - written above
    assert (returned.log is not None) == (where == "result")
    assert returned.said == ((b"said",) if where == "result" else ())


def test_another_error_of_a_nodes_disk_is_a_reason_too(ordered, monkeypatch):
    """With the node's name."""
    perform, session = ordered
    monkeypatch.setattr(agent, "write_bytes", failing(errno.EROFS, named=False))
    failure = pickle.loads(perform().result.content)  # noqa: S301 - written above
    assert failure == Failure("failed", "node n: OSError: [Errno 30] Read-only file system")
    session.over.set()
    assert perform().result is None  # its folder has gone with the session


def test_a_session_that_has_no_room_leaves_the_node_out(monkeypatch):
    """In a line that says where."""

    def refused(**_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/scratch/worker/topic")

    session = SimpleNamespace(result=refused)
    monkeypatch.setattr(nodes, "_same_versions", lambda _: None)
    monkeypatch.setattr(nodes, "await_future", lambda *_, **__: None)
    client = SimpleNamespace(submit=lambda *_, **__: session)
    with pytest.raises(UnfitError) as error:
        nodes.opened(client, "tcp://n", {}, Settings("topic", "n", "key", {}, "", {}), 1, threading.Event())
    assert str(error.value) == "no space left on the disk of /scratch/worker"


SUITE = """
[suite]
name = "full"
seeds = [1, 2]
[defaults]
batch_size = 128
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2
[experiments.small]
hidden_layers = [16]
[experiments.large]
hidden_layers = [4000]
"""


def rows_of(run):
    """Return the rows of a run."""
    return [json.loads(path.read_text())["row"] for path in run.glob("trials/*/*/row.json")]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="needs the right to mount")
def test_small_disks_of_nodes(tmp_path):
    """One has no room for the dataset, the other none for the result of a large network: small ones are trained."""
    pytest.importorskip("distributed")
    (tmp_path / "s.toml").write_text(SUITE)
    cache = tmp_path / "cache"
    harness("run", "s.toml", "--only", "small", "--seeds", "1", "--out", "here", cwd=tmp_path, HARNESS_CACHE_DIR=cache)
    with cluster(tmp_path / "nodes") as nodes:
        for name, size in {"tight": "100k", "able": "600k"}.items():
            place = nodes.folder / name
            place.mkdir()
            mounts = f'mount -t tmpfs -o size={size} none "{place}" && mount -t tmpfs -o size=4k none "{cache}"'
            prefix = ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
            nodes.start_worker(name, prefix=prefix, HARNESS_CACHE_DIR=str(place / "cache"))
        nodes.until_joined()
        command = ("run", "s.toml", "--cluster", nodes.address, "--out")
        variables = {"HARNESS_CACHE_DIR": str(cache), "HARNESS_CLUSTER_PATIENCE": "1"}
        output = harness(*command, "two", cwd=tmp_path, code=1, **variables)
        nodes.workers["able"].kill()
        nodes.workers["able"].wait()
        alone = harness(*command, "one", cwd=tmp_path, code=1, **variables)
    assert len(left_out := [line for line in output.splitlines() if line.startswith("node tight is left out")]) == 1
    where = f"{nodes.folder}/tight/dask-scratch-space/worker-"
    line = rf"node tight is left out for digits: no room in {where}\w+, 129,854 bytes needed, [\d,]+ free"
    assert re.fullmatch(line, left_out[0])
    rows = rows_of(tmp_path / "two")
    assert {(row["experiment"], row["status"]) for row in rows} == {("small", "done"), ("large", "failed")}
    assert {row["environment"]["node"] for row in rows if row["experiment"] == "small"} == {"able"}
    full = rf"node able: no space left on the disk of {nodes.folder}/able/dask-scratch-space/worker-.*"
    assert all(re.fullmatch(full, row["reason"]) for row in rows if row["experiment"] == "large")
    assert "no node can run what is left: waiting 1 s for one to join\n" in alone
    unable = "no node that can run it is left: "
    assert all(re.fullmatch(unable + line, row["reason"]) for row in rows_of(tmp_path / "one"))
