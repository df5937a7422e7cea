"""Full disks: which one it was, in the reason of a trial, and what becomes of the run."""

import errno
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import HarnessError
from harness.execution.pools import perform as performing
from harness.execution.pools.perform import perform
from harness.machine import room
from harness.machine.files import write_bytes
from harness.machine.host import NODE
from harness.machine.room import free_bytes, is_full, no_space
from harness.trial.tasks import Failure, Task
from tests.clusters import ROOT
from tests.plugins_on_disk import distribution
from tests.test_surroundings import mounted


def full(*path, code=errno.ENOSPC):
    """Return the error of a full disk."""
    return OSError(code, os.strerror(code), *path)


def test_a_full_disk_is_named_by_the_file_or_by_what_is_full(tmp_path, monkeypatch):
    """The user's share of it may be full; other errors, and disks with room, are not."""
    assert is_full(full(code=errno.EDQUOT))
    assert not is_full(full(code=errno.EROFS))
    assert no_space(full("/scratch/a.npz")) == "no space left on the disk of /scratch"
    assert no_space(full(code=errno.EROFS), [tmp_path]) is None
    assert no_space(ValueError("x"), [tmp_path]) is None
    assert no_space(full(), [tmp_path]) is None
    free = {tmp_path / "a": 1 << 40, tmp_path / "b": 4096, tmp_path / "c": 300}
    monkeypatch.setattr(room, "free_bytes", free.__getitem__)
    folders = [tmp_path / name for name in "abc"]
    assert no_space(full(), folders) == f"no space left on the disk of {tmp_path / 'c'}"
    assert no_space(full(), folders[:1]) is None


def test_what_is_free_is_known_of_a_folder_that_is_not_there_yet(tmp_path, monkeypatch):
    """It is that of the nearest one that is."""
    usage = {tmp_path: SimpleNamespace(free=300)}
    monkeypatch.setattr(room.shutil, "disk_usage", usage.__getitem__)
    assert free_bytes(tmp_path / "a" / "b") == free_bytes(tmp_path) == 300


def test_a_failed_write_says_which_file_it_was_of(tmp_path, monkeypatch):
    """The system's error of a write does not; nothing is left of it."""

    def fails(_):
        raise full()

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space left") as refused:
        write_bytes(tmp_path / "a.npz", b"x")
    assert refused.value.filename == str(tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def raises(error, _registry, _report):
    """Raise it: a job."""
    raise error


@pytest.mark.parametrize("node", ["", "n"])
def test_a_job_that_finds_a_disk_full_says_which(tmp_path, monkeypatch, node):
    """And on which node; in a home that there is not, too."""
    monkeypatch.setenv(NODE, node)
    where = "node n: " if node else ""

    def homeless():
        raise HarnessError("no home")

    monkeypatch.setattr(performing, "cache_root", homeless)

    def reason(error):
        failure = perform(Task(raises, error, "x", tmp_path / "log.txt"), dict, print, own_process=False)
        assert type(failure) is Failure
        return failure.reason

    assert reason(full("/scratch/it")) == f"{where}no space left on the disk of /scratch"
    assert reason(full()) == "OSError: [Errno 28] No space left on device"
    monkeypatch.setattr(room, "free_bytes", lambda folder: 0 if folder == Path("/scratch") else 1 << 40)
    monkeypatch.setenv("TMPDIR", "/scratch")
    assert reason(full()) == f"{where}no space left on the disk of /scratch"


GREEDY = """
import os
import harness
from harness_array.backends import NumpyBackend

@harness.hookimpl
def register_backends(register):
    register("greedy", Greedy)

class Greedy(NumpyBackend):
    def build(self, *arguments):
        with open(os.environ["TMPDIR"] + "/file", "wb") as file:
            file.write(bytes(2_000_000))
        return super().build(*arguments)
"""
SUITE = """
[suite]
name = "full"
[defaults]
hidden_layers = [16]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2
[experiments.greedy]
backend = "greedy"
[experiments.well]
[experiments.large]
hidden_layers = [1000]
"""
SCRIPT = """
mkdir scratch small
mount -t tmpfs -o size=1m tmpfs scratch
mount -t tmpfs -o size=250k tmpfs small
export TMPDIR=$PWD/scratch
command="harness run s.toml --jobs 2 --out small/run --quiet"
$command --only greedy --only well; echo "ended $?" >&2
$command; echo "ended $?" >&2
mount -o remount,size=4m small
rm scratch/file
mount -o remount,size=4m scratch
$command; echo "ended $?" >&2
cp -r small/run run
"""


@pytest.mark.slow
def test_disks_that_fill_on_this_machine(tmp_path, monkeypatch):
    """A trial's own disk: its failure, with the folder. The run's: the end, in a line, and the same command resumes."""
    path = distribution(tmp_path / "plugins", "greedy", "1.0", {"greedy": GREEDY}, {"it": "greedy"}, record=True)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(path)]))
    (tmp_path / "s.toml").write_text(SUITE)
    errors = mounted(tmp_path, SCRIPT).stderr
    first, second, third, _ = re.split("ended (.)\n", errors)[::2]
    assert re.findall("ended (.)\n", errors) == ["1", "2", "0"], errors
    assert re.search(rf"^greedy seed 42 failed: no space left on the disk of {tmp_path}/scratch\b", first, re.MULTILINE)
    end = "small/run/trials/large/seed-42: the disk is full. Free some space: the same command resumes"
    assert second == f"error: {end}\n"
    assert third.startswith("results: small/run\n")
    rows = [json.loads(path.read_text())["row"] for path in tmp_path.glob("run/trials/*/*/row.json")]
    assert [row["status"] for row in rows] == ["done"] * 3
