"""Random damage to the cache and to a dataset's files: a line, or the right content; never another."""

import gzip

import numpy as np
import pytest

from harness.datasets.cache import materialise
from harness.datasets.files import Files
from harness.errors import HarnessError
from harness.interfaces import Labelled
from tests.test_datasets import IMAGES, LABELS, idx, npy, npz

MUTATIONS = 2_000


class Drawn:
    """A small dataset."""

    images = np.random.default_rng(0).integers(0, 256, (20, 4, 3), dtype=np.uint8)

    def unavailable(self):
        """It is always there."""

    def source(self):
        """Return the same always."""
        return "one"

    def load(self):
        """Return the images."""
        return Labelled(self.images, np.arange(20) % 2, ("a", "b"), "image", "A title")


def mutated(content, rng):
    """Return bytes with one or a few changed, cut, doubled, or put in."""
    content = bytearray(content)
    kind = rng.integers(6)
    where = int(rng.integers(len(content) + 1))
    if kind == 0:
        del content[where:]
    elif kind == 1:
        content[where:where] = rng.bytes(int(rng.integers(1, 9)))
    elif kind == 2:
        del content[where : where + int(rng.integers(1, 9))]
    elif kind == 3:
        content += content[where:]
    else:
        for place in rng.integers(len(content), size=int(rng.integers(1, 4))) if content else ():
            content[place] ^= 1 << int(rng.integers(8))
    return bytes(content)


@pytest.mark.slow
def test_a_cache_with_any_damage_gives_the_right_content(tmp_path):
    """Whichever file is damaged, missing, or another's: the next command has the same dataset."""
    root, rng = tmp_path / "cache", np.random.default_rng(42)
    entry = materialise("drawn", {}, Drawn(), root)
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert len(files) == 4
    for number in range(MUTATIONS):
        path = files[rng.integers(len(files))]
        if number % 20:
            path.write_bytes(mutated(path.read_bytes(), rng))
        elif number % 40:
            path.unlink()
        else:
            path.write_bytes(files[rng.integers(len(files))].read_bytes())
        assert materialise("drawn", {}, Drawn(), root) == entry, (number, path.name)
        opened = entry.open()
        assert np.array_equal(opened.features, Drawn.images)
        assert opened.labels.tolist() == [0, 1] * 10
    assert sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock") == sorted(files)


@pytest.mark.slow
@pytest.mark.parametrize("write", [npy, npz, idx])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_dataset_file_with_any_damage_loads_or_is_refused_in_a_line(tmp_path, write, zipped):
    """And no traceback, whatever its header says."""
    rng = np.random.default_rng(42)
    write(tmp_path / "images", IMAGES)
    npy(tmp_path / "labels", LABELS)
    sound = (tmp_path / "images").read_bytes()
    if zipped:
        sound = gzip.compress(sound, mtime=0)
    files = Files(images=tmp_path / "images", labels=tmp_path / "labels")
    lines = []
    for _ in range(MUTATIONS // 5):
        (tmp_path / "images").write_bytes(mutated(sound, rng))
        try:
            assert files.load().features.dtype == np.uint8
        except HarnessError as error:
            lines.append(str(error))
    assert len(lines) > 20
    assert not any("\n" in line or len(line) > 2_000 for line in lines)
