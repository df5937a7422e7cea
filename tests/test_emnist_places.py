"""Folders that are not what their name says: another set's, a plain file under a gzip's name, the other way round."""

import os
import shutil

import numpy as np
import pytest

from harness.datasets.cache import materialise
from harness.datasets.emnist.dataset import ByMerge
from harness.datasets.emnist.download import archive_path
from harness.errors import HarnessError
from harness.machine.cache import cache_root


@pytest.fixture
def letters(tiny, tmp_path, monkeypatch):
    """Let ``HARNESS_DATA_DIR`` name a folder with files of another set."""
    folder = tmp_path / "letters"
    folder.mkdir()
    for name, content in tiny.gzipped.items():
        (folder / f"{name.replace('bymerge', 'letters')}.gz").write_bytes(content)
    monkeypatch.setenv("HARNESS_DATA_DIR", str(folder))
    return folder


def test_another_sets_folder_in_the_environment_does_not_hide_the_archive(tiny, letters):  # noqa: ARG001 - the set
    """It was meant for that set; the archive in the cache has this one."""
    tiny.archive(archive_path())
    dataset = ByMerge()
    assert dataset.unavailable() is None
    assert dataset.holding().place == archive_path()
    entry = materialise("emnist-bymerge", {}, dataset, cache_root())
    assert (entry.info.rows, entry.info.checked) == (300, "checksums")


def test_without_the_archive_it_says_what_it_found_and_what_would_do(letters, command):
    """Nothing is downloaded unasked."""
    output = command("plan", "suite.toml", code=2).err
    assert (
        f"HARNESS_DATA_DIR: {letters}: holds neither emnist-bymerge-train-images-idx3-ubyte[.gz] nor gzip.zip; it has "
        in output
    )
    assert (
        "it has files of EMNIST Letters. Name the folder of EMNIST ByMerge with --data-dir, or 'harness datasets fetch"
        in output
    )
    output = command("plan", "suite.toml", "--data-dir", letters, code=2).err
    assert "it has files of EMNIST Letters. Name the folder of EMNIST ByMerge with --data-dir\n" in output


def test_a_folder_that_is_not_there_hides_the_archive(tiny, tmp_path, monkeypatch):
    """A misspelt name is an error, as is one with nothing in it."""
    tiny.archive(archive_path())
    monkeypatch.setenv("HARNESS_DATA_DIR", str(tmp_path / "misspelt"))
    assert "misspelt: no such folder" in ByMerge().unavailable()
    (tmp_path / "misspelt").mkdir()
    assert "misspelt: holds neither" in ByMerge().unavailable()


def test_a_plain_file_under_a_gzips_name_is_read_as_what_it_is(tiny, tmp_path):
    """As browsers leave it that unpack what they download: checked by counts, not called damaged."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in tiny.plain.items():
        (folder / f"{name}.gz").write_bytes(content)
    entry = materialise("emnist-bymerge", {}, ByMerge(directory=folder), cache_root())
    assert (entry.info.title, entry.info.checked) == ("EMNIST ByMerge, 300 images", "counts")
    assert np.array_equal(entry.open().features, tiny.images)


def test_a_gzip_under_a_plain_name_is_checked_by_its_checksum(tiny, tmp_path):
    """The content says what it is."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in tiny.gzipped.items():
        (folder / name).write_bytes(content)
    assert materialise("emnist-bymerge", {}, ByMerge(directory=folder), cache_root()).info.checked == "checksums"
    (path,) = folder.glob("*train-labels*")
    content = bytearray(path.read_bytes())
    content[9] ^= 1  # gzip's own header: nothing else would notice
    path.write_bytes(content)
    with pytest.raises(HarnessError, match="damaged or altered"):
        materialise("emnist-bymerge", {}, ByMerge(directory=folder), cache_root())


def test_another_file_of_equal_size_and_date_is_read(tiny, tmp_path):
    """As ``cp -p`` leaves it; and the same content in another folder is the same entry."""
    folder = tiny.write(tmp_path / "data", zipped=False)
    (path,) = folder.glob("*train-images*")
    os.utime(path, ns=(0, 0))
    options = {"directory": str(folder)}
    entry = materialise("emnist-bymerge", options, ByMerge(directory=folder), cache_root())
    shutil.copytree(folder, tmp_path / "moved")
    moved = materialise("emnist-bymerge", {}, ByMerge(directory=tmp_path / "moved"), cache_root())
    assert moved == entry
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))
    again = materialise("emnist-bymerge", options, ByMerge(directory=folder), cache_root())
    assert again.info.digest != entry.info.digest


def test_a_pipe_in_a_files_place_is_not_opened(tiny, tmp_path):
    """It is no file of the set."""
    folder = tiny.write(tmp_path / "data")
    (path,) = folder.glob("*train-labels*")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(HarnessError, match=r"emnist-bymerge-train-labels-idx1-ubyte\[\.gz\]: is missing beside"):
        materialise("emnist-bymerge", {}, ByMerge(directory=folder), cache_root())
