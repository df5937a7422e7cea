"""Every way in which EMNIST's files and archives can be damaged: one line, and the next attempt works."""

import gzip
import os

import numpy as np
import pytest

from harness.datasets.emnist.dataset import ByMerge
from harness.machine.cache import cache_root
from tests.emnist import PAGE, flipped, idx, refused

TRAIN_IMAGES = "emnist-bymerge-train-images-idx3-ubyte"
TRAIN_LABELS = "emnist-bymerge-train-labels-idx1-ubyte"


def repacked(change):
    """Return a damage within a gzip file that is itself sound."""
    return lambda content: gzip.compress(change(gzip.decompress(content)))


DAMAGES = {
    "a flipped byte": (flipped, "damaged or altered: ", ""),
    "cut short": (lambda content: content[:-9], "damaged or altered: ", "damaged: "),
    "a page": (lambda _: PAGE, "begins with '<!DOCTYPE html><", "begins with '<!DOCTYPE html><"),
    "nothing": (lambda _: b"", "begins with nothing: no idx file of images", "begins with nothing"),
    "a gzip bomb": (
        repacked(lambda plain: plain + bytes(100_000_000)),
        "damaged or altered: ",
        "too long: it goes on after what its idx header announces",
    ),
    "a header that promises too much": (
        repacked(lambda plain: plain[:4] + b"\xff\xff\xff\xff" + plain[8:]),
        "its idx header announces 4,294,967,295 images, the official file has 210",
        "its idx header announces 4,294,967,295 images, the official file has 210",
    ),
    "too few rows": (
        repacked(lambda plain: plain[:-1]),
        "damaged or altered: ",
        "cut short: it ends before what its idx header announces",
    ),
    "other pixels": (
        repacked(lambda plain: plain[:11] + b"\x1b" + plain[12:]),
        "its idx header announces 210 x 27 x 28 values: EMNIST's images are of 28 x 28 pixels",
        "its idx header announces 210 x 27 x 28 values",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("partial", [False, True], ids=["official", "partial"])
def test_a_damaged_file_is_one_line_and_the_next_attempt_works(tiny, tmp_path, command, damage, partial):
    """Exit code 2, the file's name, nothing left in the cache; a bomb's zeros are never unpacked."""
    change, *messages = DAMAGES[damage]
    folder = tiny.write(tmp_path / "data")
    file = folder / f"{TRAIN_IMAGES}.gz"
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    arguments = ["plan", "suite.toml", "--data-dir", "data", *(["--set", "dataset.partial=true"] if partial else [])]
    errors = command(*arguments, code=2).err
    assert errors.startswith(f"error: suite.toml: dataset 'emnist-bymerge': {file}: {messages[partial]}")
    assert errors.count("\n") == 1
    assert not list((cache_root() / "datasets").glob("*"))
    file.write_bytes(whole)
    assert "dataset emnist-bymerge: EMNIST ByMerge, 300 images, 3 classes, " in command(*arguments).out


def test_labels_that_do_not_fit_are_reported(tiny, tmp_path):
    """Their number, and their values."""
    folder = tiny.write(tmp_path / "data", zipped=False)
    (folder / TRAIN_LABELS).write_bytes(idx(tiny.labels[:209]))
    message = refused(ByMerge(directory=folder).stream)
    assert message == f"{folder / TRAIN_LABELS}: 209 labels for the 210 images of {folder / TRAIN_IMAGES}"
    (folder / TRAIN_LABELS).write_bytes(idx(np.full(210, 7)))
    message = refused(ByMerge(directory=folder).stream)
    assert message == f"{folder / TRAIN_LABELS}: holds the label 7: those of EMNIST ByMerge are 0 … 2"
    (folder / TRAIN_LABELS).unlink()
    message = refused(ByMerge(directory=folder).stream)
    assert message == f"{TRAIN_LABELS}[.gz]: is missing beside {folder / TRAIN_IMAGES}"


ARCHIVES = {
    "a page": (lambda path, _: path.write_bytes(PAGE), "not a zip archive: begins with '<!DOCTYPE html><html'"),
    "cut short": (lambda path, _: path.write_bytes(path.read_bytes()[:-30]), "damaged: File is not a zip file"),
    "a way out": (
        lambda path, tiny: tiny.archive(path, **{"../../evil": b"evil"}),
        "holds '../../evil', which would leave its folder: not the official archive. Remove it",
    ),
    "an absolute way out": (
        lambda path, tiny: tiny.archive(path, **{"/evil": b"evil"}),
        "holds '/evil', which would leave its folder",
    ),
}


@pytest.mark.parametrize("damage", ARCHIVES)
def test_a_damaged_archive_is_one_line_and_the_next_attempt_works(tiny, tmp_path, command, damage):
    """Exit code 2; nothing is written to where a member's name leads."""
    change, message = ARCHIVES[damage]
    path = tiny.archive(tmp_path / "deep" / "data" / "gzip.zip")
    change(path, tiny)
    errors = command("plan", "suite.toml", "--data-dir", "deep/data", code=2).err
    assert f"{path}: {message}" in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.rglob("evil"))
    tiny.archive(path)
    command("plan", "suite.toml", "--data-dir", "deep/data")


def test_a_place_that_cannot_be_looked_at_is_one_line(tiny, tmp_path, command):  # noqa: ARG001 - the set's size
    """A name too long, as any other refusal of the system: exit code 2, no traceback."""
    place = tmp_path / ("a" * 300)
    errors = command("plan", "suite.toml", "--data-dir", place, code=2).err
    assert errors.startswith(f"error: --data-dir {tmp_path}/aaaa")
    assert errors.endswith(f"directory: {place}: cannot be read: File name too long\n")
    assert errors.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_archive_that_may_not_be_read_is_not_called_damaged(tiny, tmp_path):
    """The system's own word."""
    path = tiny.archive(tmp_path / "data" / "gzip.zip")
    path.chmod(0)
    message = refused(ByMerge(directory=path.parent).stream)
    assert message == f"directory: {path}: cannot be read: Permission denied"


def test_a_flipped_byte_in_an_archives_member_is_found(tiny, tmp_path):
    """By zip's own checksum, or ours."""
    path = tiny.archive(tmp_path / "data" / "gzip.zip")
    content = bytearray(path.read_bytes())
    content[content.index(tiny.gzipped[TRAIN_IMAGES][:50]) + 40] ^= 1
    path.write_bytes(bytes(content))
    message = refused(ByMerge(directory=path).stream)
    assert message.startswith(f"{path}: gzip/{TRAIN_IMAGES}.gz: damaged")
