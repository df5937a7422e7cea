"""The cache: one entry a content, found by its source, rebuilt when damaged, never half written."""

import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from harness.datasets import entries
from harness.datasets.cache import materialise
from harness.errors import HarnessError
from harness.interfaces import Labelled, LabelledStream


class Drawn:
    """A dataset of random images that counts how often it is read."""

    def __init__(self, source="one", seed=0, **changed):
        self.version, self.loads, self._changed = source, 0, changed
        rng = np.random.default_rng(seed)
        self._images = rng.integers(0, 256, (20, 4, 3), dtype=np.uint8)

    def unavailable(self):
        """It is always there."""

    def source(self):
        """Return the text that it was given."""
        return self.version

    def load(self):
        """Return the images."""
        self.loads += 1
        parts = {"features": self._images, "labels": np.arange(20) % 2, "class_names": ("a", "b"), "kind": "image"}
        parts |= self._changed
        return Labelled(**parts)


def test_a_source_is_read_once_and_its_images_are_mapped(tmp_path):
    """The second time nothing is loaded; what is opened is the same."""
    first = Drawn()
    entry = materialise("drawn", {}, first, tmp_path)
    second = Drawn()
    again = materialise("drawn", {}, second, tmp_path)
    assert (first.loads, second.loads) == (1, 0)
    assert again == entry
    opened = again.open()
    assert np.array_equal(opened.features, first._images)
    assert opened.labels.tolist() == [0, 1] * 10
    assert opened.class_names == ("a", "b")
    assert isinstance(opened.features.base, np.memmap)


def test_opened_images_and_labels_are_read_only(tmp_path):
    """A plugin's write would reach the trials after it: it fails instead, and cannot be allowed."""
    opened = materialise("drawn", {}, Drawn(), tmp_path).open()
    for array in (opened.features, opened.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    with pytest.raises(ValueError, match="WRITEABLE"):
        opened.features.flags.writeable = True


def test_options_and_sources_that_give_one_content_share_an_entry(tmp_path):
    """The key is the content's digest; another content is another entry."""
    entries = [
        materialise("drawn", {}, Drawn(), tmp_path),
        materialise("drawn", {"size": 3}, Drawn(), tmp_path),
        materialise("drawn", {}, Drawn("touched"), tmp_path),
        materialise("drawn", {}, Drawn("other", seed=1), tmp_path),
    ]
    assert len({entry.info.digest for entry in entries[:3]}) == 1
    assert entries[3].info.digest != entries[0].info.digest
    assert len(list((tmp_path / "datasets").iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "images.npy").unlink(),
        lambda folder: os.truncate(folder / "images.npy", 200),
        lambda folder: os.truncate(folder / "meta.json", 10),
        lambda folder: (folder / "meta.json").write_text("[]"),
    ],
)
def test_a_damaged_entry_is_built_again(tmp_path, damage):
    """Whatever is missing or cut."""
    entry = materialise("drawn", {}, Drawn(), tmp_path)
    damage(entry.directory)
    dataset = Drawn()
    again = materialise("drawn", {}, dataset, tmp_path)
    assert dataset.loads == 1
    assert again == entry
    assert np.array_equal(again.open().features, dataset._images)


def test_a_damaged_index_is_built_again(tmp_path):
    """It is only a shortcut."""
    materialise("drawn", {}, Drawn(), tmp_path)
    (index,) = (tmp_path / "sources").iterdir()
    index.write_text("{")
    dataset = Drawn()
    materialise("drawn", {}, dataset, tmp_path)
    assert dataset.loads == 1
    assert json.loads(index.read_text())["name"] == "drawn"


def _write_for_ever(folder, started):
    large = np.zeros((200_000, 28, 28), dtype=np.uint8)
    started.set()
    for number in range(1000):
        large[0, 0, 0] = number % 256
        materialise("large", {}, Drawn(f"{number}", features=large, labels=np.arange(200_000) % 2), folder)


@pytest.mark.slow
def test_a_writer_killed_half_way_leaves_no_entry_that_is_not_whole(tmp_path):
    """Killed at three moments while it writes 157 MB: an entry with its final name is whole.

    The next writer removes the rest.
    """
    spawn = multiprocessing.get_context("spawn")
    for wait in (0.02, 0.1, 0.2):
        started = spawn.Event()
        process = spawn.Process(target=_write_for_ever, args=(tmp_path, started))
        process.start()
        assert started.wait(60)
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        for folder in (tmp_path / "datasets").glob("[!.]*"):
            entries.verify(tmp_path, folder.name)  # raises where it is not whole
        materialise("drawn", {}, Drawn(f"after {wait}"), tmp_path)
        assert not list((tmp_path / "datasets").glob(".*"))
        shutil.rmtree(tmp_path / "datasets")


class Held(Drawn):
    """A dataset whose pixels come when they may."""

    def __init__(self):
        super().__init__()
        self.begun, self.may_go_on, self.read = threading.Event(), threading.Event(), 0

    def stream(self):
        """Return the images, which wait."""

        def blocks():
            self.read += 1
            self.begun.set()
            assert self.may_go_on.wait(60)
            yield self._images

        return LabelledStream((4, 3), np.arange(20) % 2, ("a", "b"), blocks, "image")


def test_two_writers_at_once_write_one_entry_once(tmp_path):
    """The second waits for the first, and takes what it wrote."""
    first, second = Held(), Held()
    second.may_go_on.set()
    with ThreadPoolExecutor() as threads:
        writing = threads.submit(materialise, "held", {}, first, tmp_path)
        assert first.begun.wait(60)
        waiting = threads.submit(materialise, "held", {}, second, tmp_path)
        time.sleep(0.3)
        assert not waiting.done()
        first.may_go_on.set()
        assert waiting.result(60) == writing.result(60)
    assert (first.read, second.read) == (1, 0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"features": np.zeros((20, 4), dtype=np.uint8)},
            "images are uint8 (20, 4); the contract says uint8 (rows, height, width)",
        ),
        ({"features": np.zeros((20, 4, 3))}, "images are float64 (20, 4, 3); the contract says uint8"),
        ({"labels": np.zeros(19, dtype=np.int64)}, "labels are int64 (19,); the contract says int64 (20,)"),
        ({"labels": np.arange(20)}, "labels are not all in 0 … 1, the 2 classes that it names"),
        ({"labels": np.zeros(20, dtype=np.int64)}, "class 'b' has no row"),
    ],
)
def test_a_dataset_that_breaks_its_contract_is_refused(tmp_path, changed, message):
    """With what came and what the contract says; nothing is cached."""
    with pytest.raises(HarnessError) as caught:
        materialise("drawn", {}, Drawn(**changed), tmp_path)
    assert str(caught.value).startswith(message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([np.zeros((20, 4, 3))], "images are float64 (20, 4, 3); the contract says uint8 (rows, 4, 3)"),
        ([np.zeros((20, 3, 4), dtype=np.uint8)], "images are uint8 (20, 3, 4); the contract says uint8"),
        ([np.zeros((9, 4, 3), dtype=np.uint8)] * 2, "its blocks hold 18 images for 20 labels"),
    ],
)
def test_a_stream_that_breaks_its_contract_leaves_nothing(tmp_path, blocks, message):
    """It shows when a part of it is written already."""
    dataset = Held()
    dataset.stream = lambda: LabelledStream((4, 3), np.arange(20) % 2, ("a", "b"), lambda: iter(blocks), "image")
    with pytest.raises(HarnessError) as caught:
        materialise("held", {}, dataset, tmp_path)
    assert str(caught.value).startswith(message)
    assert not list((tmp_path / "datasets").iterdir())


def test_a_cache_that_cannot_be_written_to_says_where_else(tmp_path):
    """A file is where the folder should be."""
    root = tmp_path / "cache"
    root.write_text("")
    with pytest.raises(HarnessError, match=r"the cache cannot be written to: .*HARNESS_CACHE_DIR"):
        materialise("drawn", {}, Drawn(), root)
