"""A set of EMNIST's form with few images, its files, and the archive of them."""

import gzip
import struct
import zipfile
from dataclasses import replace
from hashlib import md5, sha256

import numpy as np
import pytest

from harness.datasets.emnist import download
from harness.datasets.emnist.dataset import ByMerge
from harness.datasets.emnist.download import Archive
from harness.datasets.emnist.variants import OfficialFile, Part, Variant
from harness.errors import HarnessError

PAGE = b"<!DOCTYPE html><html>404</html>"
CLASSES = ("L", "a", "b")
COUNTS = {"train": 210, "test": 90}
SUITE = """
[suite]
name = "Tiny"
seeds = [1]
[dataset]
name = "emnist-bymerge"
[experiments.A]
hidden_layers = [4]
optimizer = { name = "sgd", learning_rate = 0.1 }
epochs = 1
"""


def upright(label, number):
    """Return an image (28, 28): an L, alike in no two directions, with the row's number and class beside it."""
    image = np.zeros((28, 28), dtype=np.uint8)
    image[3:25, 5] = 255
    image[24, 5:16] = 255
    image[0, 0], image[0, 1] = number % 256, label
    return image


def idx(array):
    """Return the bytes of an idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


class TinySet:
    """The official files of a set of 300 images: contents by name, without ``.gz``."""

    def __init__(self, first_label=0):
        self.plain, parts, start = {}, {}, 0
        self.images, self.labels = [], []
        variant = Variant("bymerge", "EMNIST ByMerge", CLASSES, {}, first_label)
        for part, count in COUNTS.items():
            labels = np.arange(count) % len(CLASSES)
            images = np.stack([upright(label, start + row) for row, label in enumerate(labels)])
            start += count
            self.images.append(images)
            self.labels.append(labels)
            self.plain[variant.file_name(part, "images")] = idx(images.transpose(0, 2, 1))
            self.plain[variant.file_name(part, "labels")] = idx(labels + first_label)
        self.images, self.labels = np.concatenate(self.images), np.concatenate(self.labels)
        self.gzipped = {name: gzip.compress(content, mtime=0) for name, content in self.plain.items()}
        for part, count in COUNTS.items():
            files = [self.gzipped[variant.file_name(part, role)] for role in ("images", "labels")]
            parts[part] = Part(count, *(OfficialFile(len(file), sha256(file).hexdigest()) for file in files))
        self.variant = replace(variant, parts=parts)

    def write(self, folder, *, zipped=True):
        """Write the files into a folder, gzipped or not, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.plain:
            if zipped:
                (folder / f"{name}.gz").write_bytes(self.gzipped[name])
            else:
                (folder / name).write_bytes(self.plain[name])
        return folder

    def archive(self, path, **more):
        """Write the archive, with ``more`` members, and return its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("gzip/emnist-letters-train-images-idx3-ubyte.gz", b"another set's")
            for name, content in self.gzipped.items():
                archive.writestr(f"gzip/{name}.gz", content)
            for name, content in more.items():
                archive.writestr(name, content)
        return path


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Make ``emnist-bymerge`` a set of 300 images, the cache an empty one, and the download one from nowhere."""
    tiny_set = TinySet()
    monkeypatch.setattr(ByMerge, "variant", tiny_set.variant)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_DATA_DIR", raising=False)
    content = tiny_set.archive(tmp_path / "official" / "gzip.zip").read_bytes()
    # Port 9 is the discard service's, which nothing serves.
    archive = Archive(("http://127.0.0.1:9/gzip.zip",), len(content), md5(content, usedforsecurity=False).hexdigest())
    monkeypatch.setattr(download, "ARCHIVE", archive)
    return tiny_set


@pytest.fixture
def command(typed, tmp_path, monkeypatch):
    """Give `typed`, in a folder that holds ``suite.toml``; backends are asked in this process."""
    monkeypatch.setenv("HARNESS_JOBS", "0")
    (tmp_path / "suite.toml").write_text(SUITE)
    return typed


def flipped(content):
    """Return the bytes with one bit in their midst turned."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def refused(function, *arguments):
    """Return the one line that a call is refused with."""
    with pytest.raises(HarnessError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)
