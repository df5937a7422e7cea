"""Folders for a while: one that a killed process has left is removed, no other one is."""

from contextlib import nullcontext

from harness.execution.pools.cluster import local
from harness.machine.claims import claimed, remove_unclaimed


def test_a_folder_that_is_claimed_or_never_was_stays(tmp_path):
    """As do one whose claim is a link, whose target must not be emptied, and a link to a folder."""
    kept, used, linked, left = (tmp_path / name for name in ("kept", "used", "linked", "left"))
    for folder in (kept, used, linked, left):
        folder.mkdir()
        (folder / "file").write_text("content")
    (linked / ".lock").symlink_to(kept / "file")
    (left / ".lock").touch()
    other = tmp_path / "other"
    other.symlink_to(left)
    remove_unclaimed([other])
    with claimed(used):
        remove_unclaimed(tmp_path.iterdir())
        assert {path.name for path in tmp_path.iterdir()} == {"kept", "used", "linked", "other"}
    assert (kept / "file").read_text() == "content"
    assert [path.name for path in used.iterdir()] == ["file"]
    remove_unclaimed([tmp_path / "not there", used])
    assert used.exists()


def test_a_local_cluster_removes_what_a_killed_one_has_left(tmp_path, monkeypatch):
    """And its own folder at its end."""
    left = tmp_path / "harness-cluster-left"
    left.mkdir()
    (left / ".lock").touch()
    monkeypatch.setattr(local, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(local, "Child", lambda *_, **__: nullcontext())
    monkeypatch.setattr(local, "_address", lambda *_: "tcp://here")
    with local.local_cluster(2, print) as address:
        assert address == "tcp://here"
        assert not left.exists()
