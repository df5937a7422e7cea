"""Folders of imports and merges: whole or not there, and what a killed one has left goes with the next."""

import shutil
import signal
import subprocess
import sys

import pytest
from filelock import FileLock

from harness.errors import HarnessError
from harness.store.arriving import arriving, arriving_file
from harness.store.listing import listed
from harness.store.opening import LOCK
from tests.clusters import environment
from tests.tiny import TINY, run_suite

KILLED = """
import os, signal, sys
from pathlib import Path
from harness.store.arriving import arriving
with arriving(Path("run"), "--out") as folder:
    (folder / "state.npz").write_bytes(b"a part")
    os.kill(os.getpid(), signal.SIGKILL)
"""


KILLED_FILE = KILLED.replace("import arriving", "import arriving_file as arriving").replace(
    '(folder / "state.npz")', "folder"
)


@pytest.mark.skipif(sys.platform == "win32", reason="a signal kills it")
def test_what_a_killed_export_has_left_goes_with_the_next(tmp_path):
    """Of the same archive; one that is being written for it stays."""
    done = subprocess.run([sys.executable, "-c", KILLED_FILE], cwd=tmp_path, env=environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    [left] = tmp_path.iterdir()
    assert b"a part" in {path.read_bytes() for path in left.iterdir()}
    with arriving_file(tmp_path / "run", "--out") as first:
        assert not left.exists()
        first.write_text("first")
        with arriving_file(tmp_path / "run", "--out") as second:
            assert first.read_text() == "first"
            second.write_text("second")
        (tmp_path / "run").unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run").read_text() == "first"


@pytest.mark.skipif(sys.platform == "win32", reason="a signal kills it")
def test_what_a_killed_import_has_left_goes_with_the_next(tmp_path):
    """A hundred gigabytes may have come. Others' folders stay, and those of one that is at work."""
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    [left] = tmp_path.iterdir()
    assert {path.name for path in left.iterdir()} == {LOCK, "state.npz"}
    others = [tmp_path / name for name in (".run.mine", ".other.0123456789ab", ".run.000000000000")]
    for other in others:
        other.mkdir()
    (others[1] / LOCK).touch()
    arrive(tmp_path / "run", "next")
    assert not left.exists()
    assert all(other.exists() for other in others)


def arrive(target, content, meanwhile=lambda: None):
    """Have a folder with a row arrive; what is called meanwhile leaves it alone."""
    with arriving(target, "--out") as folder:
        (folder / "row").write_text(content)
        meanwhile()
        assert (folder / "row").exists()


def test_of_two_that_arrive_at_one_place_the_second_is_refused(tmp_path):
    """The first is whole, without its lock; of the second nothing is left."""
    run = tmp_path / "run"
    with pytest.raises(HarnessError, match="is there already"):
        arrive(run, "late", lambda: arrive(run, "first"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert [path.name for path in run.iterdir()] == ["row"]
    assert (run / "row").read_text() == "first"


def test_a_run_that_arrives_is_not_listed(tmp_path):
    """Nor is one that an import was killed over."""
    (tmp_path / "here").mkdir()
    _, run = run_suite(tmp_path / "here", TINY, dry=True)
    run.write_header({})
    with arriving(tmp_path / "here" / "back", "--out") as folder:
        shutil.copy(run.directory / "run.json", folder / "run.json")
        assert [each.directory.name for each in listed(tmp_path / "here")] == ["run"]
    with FileLock(tmp_path / "here" / "back" / LOCK, timeout=0):
        assert [each.directory.name for each in listed(tmp_path / "here")] == ["back", "run"]
