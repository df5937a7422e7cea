"""Datasets on nodes: found, seen, made or sent, each once and verified. A node here is a folder with a cache."""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.datasets.cache import materialise
from harness.datasets.digits import Digits
from harness.datasets.entries import verify
from harness.execution.pools.cluster import blocks, shipping
from harness.execution.pools.cluster.blocks import Line
from harness.execution.pools.cluster.data import Data, Source, found_entry
from harness.execution.pools.cluster.nodes import Member
from harness.execution.pools.cluster.shipping import Shipment
from harness.execution.pools.cluster.waiting import GoneError
from harness.execution.pools.pool import Node
from harness.machine.cache import VARIABLE
from harness.plugins.loading import registry
from harness.plugins.options import ComponentSpec
from harness.trial.tasks import Failure, Task


class Wire(Line):
    """A line to a node that is a folder: what is called there is called here, and its blocks are measured."""

    def __init__(self):
        super().__init__(None, "")
        self.sizes, self.breaks, self.changed, self.full = [], False, False, None

    def call(self, function, *arguments):
        """Call it, or lose the node; change a byte on the way."""
        if self.breaks:
            raise GoneError
        if function is blocks.write_block:
            place, offset, content = arguments
            self.sizes.append(len(content))
            if self.full and place.endswith("labels.npy"):
                raise OSError(self.full, os.strerror(self.full))
            if self.changed and place.endswith("labels.npy") and content:
                arguments = place, offset, content[:-1] + bytes([content[-1] ^ 1])
        return function(*arguments)


class Remote(Member):
    """A node with a cache; ``sees``: whether it has the driver's file system."""

    def __init__(self, folder, name, *, sees=False, cache=None):
        facts = {"machine": f"machine of {folder.name}", "cache": str(cache or folder / name / "cache")}
        super().__init__(f"tcp://{name}", Node(name, 1), Wire(), str(folder / name / "session"), None, facts)
        self.sees = sees

    def run(self, _client, function, *arguments):
        """Call a function as it is called there."""
        if function is found_entry and not self.sees:
            arguments = arguments[0], str(Path(self.folder) / "not here")
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = self.facts["cache"]
        try:
            return function(*arguments)
        finally:
            os.environ[VARIABLE] = before


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Return the dataset of the driver, the lines of progress, and a function that returns where a node has it."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "driver"))
    here = materialise("digits", {}, Digits(), tmp_path / "driver")
    lines = []
    owner = Data(lines.append)

    def place(member, perform=None, source=None):
        if source:
            owner.sources[here.info.digest] = Source(source, own=True)
        path = owner.place(
            here.directory, member, None, perform or (lambda _task: Failure("failed", "it is not there"))
        )
        verify(path.parents[1], here.info.digest)
        return path

    return here, lines, place


def made(task):
    """Do a task as a node with the source does."""
    return task.job(task.argument, registry(), print)


def test_what_a_nodes_cache_has_is_taken_from_there(data, tmp_path):
    """Nothing is said and nothing sent; an entry that is damaged there is not one."""
    here, lines, place = data
    node = Remote(tmp_path, "n")
    there = materialise("digits", {}, Digits(), Path(node.facts["cache"]))
    assert place(node) == there.directory
    assert (lines, node.line.sizes) == ([], [])
    labels = there.directory / "labels.npy"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\1")
    other = Remote(tmp_path, "m", cache=node.facts["cache"])
    assert place(other) == there.directory
    assert lines == ["node m: dataset " + here.info.digest[:12] + " was sent, 0.1 MB"]


def test_on_a_shared_file_system_the_drivers_cache_serves(data, tmp_path):
    """Nothing is copied."""
    here, lines, place = data
    node = Remote(tmp_path, "n", sees=True)
    assert place(node) == here.directory
    assert (lines, node.line.sizes) == ([], [])
    assert not Path(node.facts["cache"]).exists()


def test_it_is_made_there_where_its_source_is_there(data, tmp_path):
    """Of the same content; one that the node makes otherwise is sent."""
    here, lines, place = data
    node, other = Remote(tmp_path, "n"), Remote(tmp_path, "m")
    source = ComponentSpec("digits", {}, tmp_path)
    assert place(node, made, source) == Path(node.facts["cache"]) / "datasets" / here.info.digest
    assert (lines.pop(), node.line.sizes) == ("node n: digits was made there from its source", [])
    place(
        other, lambda task: made(type(task)(task.job, (ComponentSpec("wine", {}, tmp_path), *task.argument[1:]), "x"))
    )
    assert lines == ["node m: digits was sent, 0.1 MB"]


def test_it_is_sent_once_in_blocks_to_workers_that_share_a_cache(data, tmp_path, monkeypatch):
    """And asked for as often as there are trials."""
    here, lines, place = data
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 10_000)
    node = Remote(tmp_path, "n")
    beside = Remote(tmp_path, "m", cache=node.facts["cache"])
    for member in (node, node, beside, beside):
        assert place(member) == Path(node.facts["cache"]) / "datasets" / here.info.digest
    assert lines == [f"node n: dataset {here.info.digest[:12]} was sent, 0.1 MB"]
    assert len(node.line.sizes) > 10
    assert max(node.line.sizes) == 10_000
    assert beside.line.sizes == []


def test_what_changes_on_the_way_is_refused(data, tmp_path):
    """By its digest; nothing of it is in the node's cache."""
    here, lines, place = data
    node = Remote(tmp_path, "n")
    node.line.changed = True
    with pytest.raises(OSError, match=f"its content has the digest .*, not {here.info.digest[:12]}"):
        place(node)
    assert lines == []
    assert not list(Path(node.facts["cache"]).glob("datasets/*"))


def test_a_cache_that_cannot_be_written_to_leaves_it_in_the_drivers_session(data, tmp_path):
    """Where it goes when the driver ends."""
    here, _, place = data
    (tmp_path / "file").write_text("where the cache's folder should be")
    node = Remote(tmp_path, "n", cache=tmp_path / "file" / "cache")
    assert place(node) == Path(node.folder) / "cache" / "datasets" / here.info.digest


def test_a_node_that_goes_meanwhile_is_asked_again_when_it_is_back(data, tmp_path):
    """What was not sent whole is not taken for it."""
    here, lines, place = data
    node = Remote(tmp_path, "n")
    node.line.breaks = True
    with pytest.raises(GoneError):
        place(node)
    node.line.breaks = False
    assert place(node).name == here.info.digest
    assert len(lines) == 1


def test_a_worker_that_takes_the_place_of_another_is_asked_for_its_data(data, tmp_path):
    """A scheduler knows both by one address, where ports are fixed; the second may be of another machine."""
    _, _, place = data
    for cache in ("first", "second"):
        assert place(Remote(tmp_path, "n", cache=tmp_path / cache)).parents[1] == tmp_path / cache


@dataclass(frozen=True)
class Reads:
    """An argument that names a file."""

    path: Path

    def moved(self, locate):
        """Return the same with the place of the file on a node."""
        return Reads(locate(self.path, "read"))


@pytest.mark.parametrize("sees", [True, False])
def test_a_file_of_the_driver_is_sent_where_the_node_does_not_see_the_same(tmp_path, monkeypatch, sees):
    """Where it does, by size and digest, nothing is copied."""
    path = tmp_path / "state.npz"
    path.write_bytes(b"weights")
    node = Remote(tmp_path, "n")
    if not sees:
        monkeypatch.setattr(shipping, "content_digest", lambda _path: "0" * 64)  # as of another file there
    order = Shipment(1, "topic", node, Task(print, Reads(path), "x"), data=None)._order()
    there = pickle.loads(order.content)[1].path  # noqa: S301 - the driver wrote it
    assert there.is_relative_to(node.folder)
    assert there.read_bytes() == b"weights"
    assert there.is_symlink() == sees
    assert node.line.sizes == ([] if sees else [7])
