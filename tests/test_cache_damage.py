"""A damaged cache: noticed in every command, made again or refused by name, and never in the way."""

import json
import os
import shutil

import numpy as np
import pytest

from harness.datasets import entries
from harness.datasets.cache import cached, materialise
from harness.errors import HarnessError
from harness.interfaces import Labelled
from harness.machine import identity


class Drawn:
    """A dataset of 20 random images that counts how often it is read."""

    def __init__(self, **changed):
        self.loads = 0
        self.parts = {
            "features": np.random.default_rng(0).integers(0, 256, (20, 4, 3), dtype=np.uint8),
            "labels": np.arange(20) % 2,
            "class_names": ("a", "b"),
            "kind": "image",
        } | changed

    def unavailable(self):
        """It is always there."""

    def source(self):
        """Return the same always."""
        return "one"

    def load(self):
        """Return the images."""
        self.loads += 1
        return Labelled(**self.parts)


@pytest.fixture
def settled(monkeypatch):
    """Files that count as settled at once, so that a verified entry is not read again."""
    monkeypatch.setattr(identity, "SETTLED_SECONDS", -60.0)
    monkeypatch.setattr(identity, "_file_system", lambda _: "ext4")
    monkeypatch.setattr(identity, "boot", lambda: "this boot")


def flip(path, offset=-1, mask=1):
    """Change one bit of a file, and neither its size nor its time of change."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[offset] ^= mask
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def changed(path, old, new):
    """Replace a text in a file by one of equal length."""
    assert len(old) == len(new)
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


DAMAGES = {
    "a pixel": lambda entry: flip(entry / "images.npy"),
    "all pixels": lambda entry: (entry / "images.npy").write_bytes(
        (entry / "images.npy").read_bytes()[:128] + bytes(240)
    ),
    "a label": lambda entry: flip(entry / "labels.npy", -8),
    "the images' magic": lambda entry: flip(entry / "images.npy", 0),
    "the images' header": lambda entry: flip(entry / "images.npy", 12, 0x80),
    "the images' header's braces": lambda entry: flip(entry / "images.npy", 10),
    "the images' shape": lambda entry: (entry / "images.npy").write_bytes(
        (entry / "images.npy").read_bytes().replace(b"(20, 4, 3)", b"(20, 3, 4)")
    ),
    "the labels' header": lambda entry: flip(entry / "labels.npy", 30),
    "a class name": lambda entry: changed(entry / "meta.json", '"b"', '"c"'),
    "the number of rows": lambda entry: changed(entry / "meta.json", '"rows": 20', '"rows": 21'),
    "rows that are missing": lambda entry: changed(entry / "meta.json", '"rows"', '"r0ws"'),
    "no files": lambda entry: (entry / "meta.json").write_text(
        json.dumps(json.loads((entry / "meta.json").read_text()) | {"files": {}})
    ),
    "class names that are numbers": lambda entry: changed(entry / "meta.json", '"b"', "003".lstrip("0").rjust(3)),
    "nested brackets": lambda entry: (entry / "meta.json").write_text("[" * 200_000),
    "bytes that are no text": lambda entry: (entry / "meta.json").write_bytes(b"\xff\xfe\0"),
    "an empty file": lambda entry: (entry / "meta.json").write_bytes(b""),
    "a missing file": lambda entry: (entry / "labels.npy").unlink(),
    "a pipe": lambda entry: ((entry / "meta.json").unlink(), os.mkfifo(entry / "meta.json")),
    "a file in the folder's place": lambda entry: (shutil.rmtree(entry), entry.write_text("")),
    "a link that leads nowhere": lambda entry: (shutil.rmtree(entry), entry.symlink_to("nowhere")),
    "an empty folder": lambda entry: (shutil.rmtree(entry), entry.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_whatever_is_damaged_is_made_again(tmp_path, settled, damage, caplog):  # noqa: ARG001 - the settled files
    """With equal bytes, a word, and nothing left behind; the next command reads nothing."""
    caplog.set_level("INFO", "harness")
    entry = materialise("drawn", {}, Drawn(), tmp_path)
    before = {path.name: path.read_bytes() for path in entry.directory.iterdir()}
    materialise("drawn", {}, Drawn(), tmp_path)  # it is verified now, and that is remembered
    damage(entry.directory)
    dataset = Drawn()
    again = materialise("drawn", {}, dataset, tmp_path)
    assert (again, dataset.loads) == (entry, 1)
    assert {path.name: path.read_bytes() for path in entry.directory.iterdir()} == before
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == [entry.info.digest]
    assert caplog.text.count(f"{entry.directory}: the cache entry is damaged: ") == 1
    assert materialise("drawn", {}, dataset, tmp_path) == entry
    assert dataset.loads == 1


def test_content_is_verified_once_while_nothing_changes(tmp_path, settled, monkeypatch):  # noqa: ARG001
    """Then its facts are compared; another boot, or an unknown one, verifies it again."""
    verified = []
    real = entries.entry_digest
    monkeypatch.setattr(entries, "entry_digest", lambda *arguments: verified.append(1) or real(*arguments))
    entry = materialise("drawn", {}, Drawn(), tmp_path)
    for _ in range(3):
        assert materialise("drawn", {}, Drawn(), tmp_path) == entry
    assert len(verified) == 1
    monkeypatch.setattr(identity, "boot", lambda: "next boot")
    materialise("drawn", {}, Drawn(), tmp_path)
    assert len(verified) == 2
    os.utime(entry.directory / "images.npy")
    materialise("drawn", {}, Drawn(), tmp_path)
    assert len(verified) == 3
    (tmp_path / "digests" / f"{entry.info.digest}.json").write_text("[]")
    materialise("drawn", {}, Drawn(), tmp_path)
    assert len(verified) == 4


def test_a_file_system_that_is_not_trusted_verifies_each_time(tmp_path):
    """As a fresh entry is: nothing is remembered within a minute of its writing."""
    entry = materialise("drawn", {}, Drawn(), tmp_path)
    materialise("drawn", {}, Drawn(), tmp_path)
    assert not (tmp_path / "digests").exists()
    flip(entry.directory / "images.npy")
    dataset = Drawn()
    materialise("drawn", {}, dataset, tmp_path)
    assert dataset.loads == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda index, _: index.write_text("{"),
        lambda index, _: index.write_text("[" * 200_000),
        lambda index, _: index.write_text('"text"'),
        lambda index, _: index.write_bytes(b"\xff"),
        lambda index, _: changed(index, "drawn, 20", "drawn, 21"),
        lambda index, _: changed(index, '"checksum"', '"chocksum"'),
        lambda index, _: index.write_text(json.dumps(json.loads(index.read_text()) | {"digest": "../.."})),
        lambda index, _: index.write_text(json.dumps(json.loads(index.read_text()) | {"title": 3})),
        lambda index, other: shutil.copy(other, index),
        lambda index, _: (index.unlink(), os.mkfifo(index)),
    ],
)
def test_a_damaged_index_is_written_again(tmp_path, damage):
    """It is a shortcut: the content that it leads to stays what it is, and a copy of another's leads nowhere."""
    entry = materialise("drawn", {}, Drawn(), tmp_path)
    (index,) = (tmp_path / "sources").iterdir()
    before = index.read_bytes()
    materialise("other", {}, Drawn(labels=np.arange(20) // 10), tmp_path)
    (other,) = (path for path in (tmp_path / "sources").iterdir() if path != index)
    damage(index, other)
    assert [cached_entry.info.name for cached_entry in cached(tmp_path)] == ["other"]
    dataset = Drawn()
    assert materialise("drawn", {}, dataset, tmp_path) == entry
    assert dataset.loads == 1
    assert index.read_bytes() == before


def test_an_index_of_an_earlier_version_is_read(tmp_path):
    """Without a checksum."""
    entry = materialise("drawn", {}, Drawn(), tmp_path)
    (index,) = (tmp_path / "sources").iterdir()
    content = json.loads(index.read_text())
    del content["checksum"]
    index.write_text(json.dumps(content))
    dataset = Drawn()
    assert materialise("drawn", {}, dataset, tmp_path) == entry
    assert dataset.loads == 0


def test_what_opens_a_damaged_entry_says_so(tmp_path):
    """Damaged after it was verified, it costs a trial, with the entry's name."""
    entry = materialise("drawn", {}, Drawn(), tmp_path)
    flip(entry.directory / "images.npy", 0)
    with pytest.raises(HarnessError, match=r"the cache entry is damaged: .*magic"):
        entry.open()
    (entry.directory / "images.npy").unlink()
    with pytest.raises(HarnessError, match=r"the cache entry is damaged: FileNotFoundError"):
        entry.open()
