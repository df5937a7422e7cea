"""Runs with large files as archives: what is packed and unpacked takes little memory, however large it is."""

import gc
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from harness.machine.arrays import read_arrays, write_arrays
from harness.machine.files import content_digest
from harness.store import Run, classes, samples
from harness.store.archives import export_run, import_run
from harness.store.sealed import intact, read_sealed, write_sealed
from tests.test_archives import TWO
from tests.tiny import run_suite


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return the archive of a small run."""
    folder = tmp_path_factory.mktemp("runs")
    _, run = run_suite(folder, TWO)
    export_run(run.directory, folder / "run.zip")
    return folder / "run.zip"


LARGE = 12 << 20
"""Bytes of a file that is held in memory by mistake; what a run takes otherwise is a tenth."""


def test_a_run_with_large_files_takes_little_memory(archive, tmp_path):
    """Of each kind: a log, an array, an image of each class; exported, and imported again."""
    run = Run.open(import_run(archive, tmp_path / "run"))
    stored = run.read("A", 1)
    arrays = run.arrays("A", 1, "state.npz")
    run.write(stored.row, {"state.npz": {**arrays, "large": np.zeros(LARGE, np.uint8)}})
    for name, owner in (("classes.npz", classes.owner(run)), ("samples.npz", samples.owner(run))):
        write_sealed(run.directory / name, {"large": np.zeros((LARGE // 4, 4), np.uint8)}, owner)
    with run.log("A", 1).open("wb") as log:
        log.seek(log.truncate(LARGE))
        log.write(b"\n/home/ada/x.py")
    del arrays, stored, run
    gc.collect()
    tracemalloc.start()
    try:
        export_run(tmp_path / "run", tmp_path / "run.zip")
        import_run(tmp_path / "run.zip", tmp_path / "back")
        assert tracemalloc.get_traced_memory()[1] < LARGE / 2
    finally:
        tracemalloc.stop()
    for name in ("classes.npz", "samples.npz", "trials/A/seed-1/state.npz"):
        assert content_digest(tmp_path / "back" / name) == content_digest(tmp_path / "run" / name)
    log = (tmp_path / "back" / "trials" / "A" / "seed-1" / "log.txt").read_bytes()
    assert log == bytes(LARGE) + "\n…/x.py".encode()


WITHIN = """
import os, resource, sys
from pathlib import Path
from harness.store.archives import export_run, import_run

run, archive, back = map(Path, sys.argv[1:])
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * os.sysconf("SC_PAGE_SIZE") + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
export_run(run, archive)
import_run(archive, back)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures what a process takes in Linux's way")
def test_a_log_of_two_gigabytes_travels_in_a_quarter_of_one(archive, tmp_path):
    """Its process may have 256 MB beyond what it has when it begins; sizes of that kind need ZIP64."""
    if shutil.disk_usage(tmp_path).free < 8 << 30:
        pytest.skip("needs 8 GB of free disk space")
    run = Run.open(import_run(archive, tmp_path / "run"))
    with run.log("A", 1).open("wb") as log:
        log.truncate((2 << 30) + 1)
    places = [str(tmp_path / name) for name in ("run", "run.zip", "back")]
    done = subprocess.run([sys.executable, "-c", WITHIN, *places], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back" / "trials" / "A" / "seed-1" / "log.txt").stat().st_size == (2 << 30) + 1
    shutil.rmtree(tmp_path / "back")


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_that_are_sealed_are_verified_block_by_block(tmp_path, order):
    """As they are when they are read: another owner, another value, and another file are found."""
    path = tmp_path / "x.npz"
    values = np.arange(6, dtype=np.int64).reshape(2, 3)
    write_sealed(path, {"values": np.array(values, order=order), "none": np.array(0.5)}, "me")
    assert intact(path, "me")
    assert read_sealed(path, "me") is not None
    assert not intact(path, "you")
    content = path.read_bytes()
    for change in (content.replace(values.tobytes(order), values[::-1].tobytes(order)), content[:-40], b"", b"letter"):
        assert change != content
        path.write_bytes(change)
        assert not intact(path, "me")
    path.write_bytes(content)
    write_arrays(path, {**read_arrays(path), "values": values[::-1]})  # whole, but for the digest
    assert not intact(path, "me")
