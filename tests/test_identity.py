"""What a file is: its content, whatever its path, size and times say; remembered only while that is safe."""

import json
import os
import shutil
import time
from hashlib import sha256

import pytest

from harness.machine import identity
from tests.irregular import make_irregular

LARGE = identity.SMALL_BYTES + 1
THEN = 1_500_000_000 * 10**9


@pytest.fixture(autouse=True)
def settled(monkeypatch, tmp_path):
    """Its own cache, and files that count as settled at once."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(identity, "SETTLED_SECONDS", -60.0)
    monkeypatch.setattr(identity, "_file_system", lambda _: "ext4")
    monkeypatch.setattr(identity, "boot", lambda: "this boot")


@pytest.fixture
def reads(monkeypatch):
    """Count how often a file's content is read whole."""
    collected = []
    real = identity.content_digest

    def counted(path):
        collected.append(path)
        return real(path)

    monkeypatch.setattr(identity, "content_digest", counted)
    return collected


def large(path, letter=b"a"):
    """Write a file that is not small, dated long ago."""
    path.write_bytes(letter * LARGE)
    os.utime(path, ns=(THEN, THEN))
    return path


@pytest.mark.parametrize("size", [10, LARGE])
def test_another_content_of_equal_path_size_and_time_is_another_file(tmp_path, size):
    """As ``cp -p``, rsync and unpacked archives leave it."""
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"a" * size)
    other.write_bytes(b"b" * size)
    for changed in (path, other):
        os.utime(changed, ns=(THEN, THEN))
    before = identity.identity(path)
    assert before == sha256(b"a" * size).hexdigest()
    shutil.copy2(other, path)
    assert identity.identity(path) == sha256(b"b" * size).hexdigest() != before


def test_a_copy_is_the_same_file_wherever_it_is(tmp_path):
    """So nothing is trained again because a folder was moved."""
    path = large(tmp_path / "file")
    shutil.copy(path, tmp_path / "copy")
    (tmp_path / "link").symlink_to(path)
    assert len({identity.identity(tmp_path / name) for name in ("file", "copy", "link")}) == 1


def test_a_large_file_is_read_once(tmp_path, reads):
    """Then its digest is remembered."""
    path = large(tmp_path / "file")
    assert identity.identity(path) == identity.identity(path)
    assert len(reads) == 1


def test_a_change_of_times_or_inode_reads_it_again(tmp_path, reads):
    """Even where the content is equal."""
    path = large(tmp_path / "file")
    digest = identity.identity(path)
    os.utime(path, ns=(THEN + 1, THEN + 1))
    assert identity.identity(path) == digest
    shutil.copy2(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    assert identity.identity(path) == digest
    assert len(reads) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SETTLED_SECONDS", 60.0),  # it has just been written
        ("_file_system", lambda _: "nfs4"),
        ("boot", lambda: None),
        ("_EPOCH_NS", (time.time_ns() + 10**15)),  # its time of change is before any that can be
    ],
)
def test_what_cannot_be_trusted_is_read_each_time(tmp_path, reads, monkeypatch, name, value):
    """A fresh change, a network's file system, another system, a time of change from 1970."""
    monkeypatch.setattr(identity, name, value)
    path = large(tmp_path / "file")
    assert identity.identity(path) == identity.identity(path)
    assert len(reads) == 2


def test_another_boot_reads_it_again(tmp_path, reads, monkeypatch):
    """What happened to the disk meanwhile is unknown."""
    path = large(tmp_path / "file")
    digest = identity.identity(path)
    monkeypatch.setattr(identity, "boot", lambda: "next boot")
    assert identity.identity(path) == digest
    assert len(reads) == 2


def test_a_file_that_changes_while_it_is_read_is_not_remembered(tmp_path, monkeypatch):
    """Its digest may be of neither content."""
    path = large(tmp_path / "file")
    real = identity.content_digest

    def changing(place):
        digest = real(place)
        large(path, b"b")
        return digest

    monkeypatch.setattr(identity, "content_digest", changing)
    identity.identity(path)
    assert not list((tmp_path / "cache").rglob("*.json"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.write_text("{"),
        lambda record: record.write_text("[" * 100_000),
        lambda record: record.write_text("[]"),
        lambda record: record.write_bytes(b"\xff" * 100),
        lambda record: record.write_text(record.read_text().replace('"digest": "', '"digest": "0')),
        lambda record: (record.unlink(), os.mkfifo(record)),
        lambda record: (record.unlink(), record.mkdir()),
    ],
)
def test_a_damaged_record_is_ignored(tmp_path, reads, damage):
    """It is a shortcut, and made again where it can be."""
    path = large(tmp_path / "file")
    digest = identity.identity(path)
    damage(identity.record_of(path))
    assert identity.identity(path) == digest
    assert len(reads) == 2


def test_a_record_is_of_its_file_alone(tmp_path):
    """A record copied to another's place is not believed."""
    first, second = large(tmp_path / "one"), large(tmp_path / "two", b"b")
    identity.identity(first)
    shutil.copy(identity.record_of(first), identity.record_of(second))
    assert identity.identity(second) == sha256(b"b" * LARGE).hexdigest()


def test_what_a_killed_process_left_is_removed(tmp_path):
    """Nothing hidden stays beside a record."""
    path = large(tmp_path / "file")
    record = identity.record_of(path)
    record.parent.mkdir(parents=True)
    (record.parent / f".{record.name}.0123456789ab").write_text("half")
    identity.identity(path)
    assert [left_over.name for left_over in record.parent.iterdir()] == [record.name]
    assert json.loads(record.read_text())["kept"]["digest"] == identity.identity(path)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path):
    """A file is where its folder should be."""
    (tmp_path / "cache").write_text("")
    path = large(tmp_path / "file")
    assert identity.identity(path) == identity.identity(path)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_only_regular_files_have_an_identity(tmp_path, kind):
    """What would block or never end is refused; so is a link to it."""
    path = tmp_path / "it"
    make_irregular(path, kind)
    with pytest.raises(OSError, match="is not a regular file"):
        identity.identity(path)


def test_the_file_system_is_that_of_the_innermost_mount(monkeypatch):
    """Names in the list have their spaces written in octal; of two mounts at one point, the later counts."""
    monkeypatch.undo()
    listed = (
        "1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 0:5 / /data rw shared:1 - nfs4 host:/ rw\n"
        "3 1 0:6 / /data/a\\040b rw - xfs /dev/b rw\n4 1 0:7 / /twice rw - ext4 a rw\n5 1 0:8 / /twice rw - vfat a rw\n"
    )
    monkeypatch.setattr(identity.Path, "read_text", lambda *_, **__: listed)
    for place, kind in {
        "/x": "ext4",
        "/data/x": "nfs4",
        "/data/a b/x": "xfs",
        "/database": "ext4",
        "/twice/x": "vfat",
    }.items():
        assert identity._file_system(identity.Path(place)) == kind
