"""What travels between the driver and its nodes: ends first, and files in blocks that are verified."""

from dataclasses import replace

import pytest

from harness.execution.pools.cluster import blocks
from harness.execution.pools.cluster.blocks import Line, piece
from harness.execution.pools.cluster.messages import Messages
from harness.execution.pools.cluster.waiting import GoneError


def test_what_a_task_that_ends_has_said_comes_before_others_reports():
    """Its own reports stay before its end, in their order; so no finished row waits for epochs."""
    messages = Messages()
    for number in (1, 2, 3):
        messages.put("said", 1, number)
        messages.put("said", 2, number)
    messages.put("ended", 2, "result")
    messages.put("line", "a node has left")
    taken = messages.take(0.1)
    assert taken[:4] == [*(("said", 2, number) for number in (1, 2, 3)), ("ended", 2, "result")]
    assert taken[4:] == [*(("said", 1, number) for number in (1, 2, 3)), ("line", "a node has left", None)]
    assert messages.take(0.0) == []


class Near(Line):
    """A line to this machine."""

    def __init__(self):
        super().__init__(None, "")
        self.calls = 0

    def call(self, function, *arguments):
        """Call it here."""
        self.calls += 1
        return function(*arguments)


@pytest.mark.parametrize(("size", "calls"), [(0, 0), (100, 0), (101, 1), (1000, 3)])
def test_a_nodes_file_comes_with_its_message_or_in_blocks(tmp_path, monkeypatch, size, calls):
    """The same bytes; what differs from what was announced is refused, and leaves nothing."""
    monkeypatch.setattr(blocks, "SMALL_BYTES", 100)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 400)
    content = bytes(range(250)) * 4
    (tmp_path / "there").write_bytes(content[:size])
    announced, line = piece(tmp_path / "there"), Near()
    assert line.fetch(announced) == content[:size]
    assert line.calls == calls
    line.fetch_to(announced, tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == content[:size]
    for wrong in (replace(announced, size=size + 1), replace(announced, digest="0" * 64)):
        with pytest.raises(GoneError, match="there is not what the node announced"):
            line.fetch_to(wrong, tmp_path / "wrong")
    assert {path.name for path in tmp_path.iterdir()} == {"there", "here"}
