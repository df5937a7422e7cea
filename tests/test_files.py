"""Files: only regular ones are opened, they are written at once or not at all, and their names outlive the power."""

import errno
import os
from pathlib import Path

import pytest

from harness.machine.files import (
    append_line,
    digest_of,
    open_regular,
    read_json,
    read_regular,
    sync_directory,
    write_bytes,
)
from tests.irregular import make_irregular


@pytest.fixture(params=["pipe", "device", "folder"])
def irregular(request, tmp_path):
    """Return a path that is not a regular file: to read it would wait for ever, or never end."""
    path = tmp_path / "row.json"
    make_irregular(path, request.param)
    return path


def test_only_regular_files_are_opened(irregular):
    """Pipes, devices and folders are refused in words; none of them has a digest."""
    with pytest.raises(OSError, match="is not a regular file") as caught:
        open_regular(irregular)
    assert caught.value.strerror == "is not a regular file"
    assert digest_of(irregular) is None


def test_a_pipe_that_takes_the_place_of_a_file_does_not_wait(tmp_path, monkeypatch):
    """What was a regular file a moment ago may be another now."""
    path, regular = tmp_path / "pipe", tmp_path / "regular"
    os.mkfifo(path)
    regular.write_bytes(b"")
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **options: real(regular if self == path else self, **options))
    with pytest.raises(OSError, match="is not a regular file"):
        open_regular(path)


def test_a_line_is_added_to_a_file_and_to_nothing_else(irregular, tmp_path):
    """A folder that is not there is made; what is not Unicode is escaped."""
    with pytest.raises(OSError):  # noqa: PT011 - a pipe without a reader, a folder and a device each say it otherwise
        append_line(irregular, "x")
    append_line(tmp_path / "new" / "log.txt", "one \udcff")
    append_line(tmp_path / "new" / "log.txt", "two")
    assert (tmp_path / "new" / "log.txt").read_text() == "one \\udcff\ntwo\n"


def test_a_link_to_a_regular_file_is_followed_and_a_large_one_is_refused(tmp_path):
    """Up to ``most`` bytes, and not one more."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", most=5) == b"12345"
    with pytest.raises(OSError, match="is larger than 4 bytes, the most that is read of such a file"):
        read_regular(tmp_path / "link", most=4)


@pytest.mark.parametrize(
    ("text", "why"), [("", "is empty"), ('{"a": "b', "is cut short or damaged: not JSON at line 1, column 7")]
)
def test_what_is_not_json_is_said_of_the_file(tmp_path, text, why):
    """The parser's words mean nothing to its reader."""
    (tmp_path / "file").write_text(text)
    with pytest.raises(ValueError, match=f"^{why}$"):
        read_json(tmp_path / "file")


def test_what_is_durable_is_written_through_with_its_name(tmp_path, monkeypatch):
    """The file first, then, once it bears its name, its folder."""
    synced = []

    def fsync(handle):
        synced.append((Path(f"/proc/self/fd/{handle}").readlink().name, (tmp_path / "row.json").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_bytes(tmp_path / "row.json", b"1")
    assert synced[0][0].startswith(".row.json.")
    assert synced[1:] == [(tmp_path.name, True)]
    write_bytes(tmp_path / "row.json", b"2", durable=False)
    assert len(synced) == 2


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_without_directory_sync_is_no_error_and_a_broken_disk_is(tmp_path, monkeypatch, number, raised):
    """Some network file systems cannot do it; a disk that reports an error has not kept the promise."""

    def fsync(_handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if raised:
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            sync_directory(tmp_path)
    else:
        sync_directory(tmp_path)
