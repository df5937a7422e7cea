"""Whatever is written is there whole or not at all: a full disk leaves nothing that the same command then refuses."""

import errno
import io
import os

import pytest

from harness.bench import measurements
from harness.errors import HarnessError
from harness.machine.files import is_temporary
from harness.plugins.loading import registry
from harness.plugins.scaffold import create
from harness.report import write_page
from harness.report.files import MARK
from harness.suite import load_suite

PAGE = f"<html>{MARK}</html>"


@pytest.fixture
def full(monkeypatch):
    """Let every write into an open file fail after the first bytes, as on a full disk."""
    real = io.open

    class Full(io.BufferedWriter):
        def write(self, content):
            super().write(bytes(content)[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(file, mode="r", *arguments, **options):
        if any(sign in mode for sign in "wxa"):
            return Full(io.FileIO(file, mode.replace("b", "")))
        return real(file, mode, *arguments, **options)

    monkeypatch.setattr(io, "open", opened)


def test_a_full_disk_leaves_no_page_and_the_earlier_one_stays(tmp_path, monkeypatch, request):
    """An empty report.html was refused as no report."""
    path = tmp_path / "report.html"
    with monkeypatch.context():
        write_page(path, PAGE)
    request.getfixturevalue("full")
    with pytest.raises(HarnessError, match=r"report\.html: cannot be written to: No space left on device"):
        write_page(path, PAGE.replace("html", "body"))
    with pytest.raises(HarnessError, match="No space left"):
        write_page(tmp_path / "other.html", PAGE)
    monkeypatch.undo()
    assert path.read_text() == PAGE
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_an_empty_file_that_an_earlier_version_left_is_replaced(tmp_path):
    """It holds nothing that could be lost; a pipe is not waited for."""
    path = tmp_path / "report.html"
    path.write_bytes(b"")
    assert write_page(path, PAGE) == len(PAGE)
    assert path.read_text() == PAGE
    os.mkfifo(tmp_path / "pipe.html")
    with pytest.raises(HarnessError, match=r"pipe\.html: cannot be written to: is not a regular file"):
        write_page(tmp_path / "pipe.html", PAGE)


def test_what_a_killed_report_left_is_cleared_and_one_at_work_is_not_disturbed(tmp_path):
    """Their age tells."""
    names = (".report.html.0123456789ab", ".report.html.ba9876543210", ".mine.html.0123456789ab")
    old, young, theirs = (tmp_path / name for name in names)
    for path in (old, young, theirs):
        path.write_bytes(b"half")
    for path in (old, theirs):
        os.utime(path, (0, 0))
    write_page(tmp_path / "report.html", PAGE)
    assert sorted(path.name for path in tmp_path.iterdir() if is_temporary(path.name)) == [theirs.name, young.name]


@pytest.mark.parametrize(("kind", "made"), [("suite", "mine.toml"), ("perturbation", "harness-mine")])
def test_a_full_disk_leaves_no_half_of_something_new(tmp_path, monkeypatch, request, kind, made):
    """The same command works once there is room."""
    plugins = registry()
    request.getfixturevalue("full")
    with pytest.raises(HarnessError, match=f"{made}: cannot be written: No space left on device"):
        create(kind, "mine", tmp_path, plugins)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    written = create(kind, "mine", tmp_path, plugins)
    assert all(path.is_file() for path in written)
    assert [path.name for path in tmp_path.iterdir()] == [made]
    if kind == "suite":
        assert load_suite(written[0], plugins).suite.suite.name == "mine"


@pytest.mark.usefixtures("full")
def test_a_full_disk_leaves_no_measurements_that_cannot_be_read(tmp_path):
    """Of ``harness bench --save``."""
    with pytest.raises(HarnessError, match="cannot be written: No space left on device"):
        measurements.save(tmp_path / "bench.json", [])
    assert list(tmp_path.iterdir()) == []
