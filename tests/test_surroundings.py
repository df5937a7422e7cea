"""Machines that lack what is usual: shared memory, temporary folders, short paths, memory, processes."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from harness.machine.host import MOST
from tests.tiny import TINY

HARNESS = [sys.executable, "-m", "harness"]
ABSENT = """mkdir d; mount -t tmpfs tmpfs d; touch d/null d/urandom
for n in d/*; do mount --bind /dev/${n#d/} $n; done; mount --bind d /dev"""
FULL = "mount -t tmpfs -o size=4k tmpfs /dev/shm; head -c 4096 /dev/zero > /dev/shm/full || true"
NO_PLACE = """for n in /dev/shm /tmp /var/tmp; do mount --bind $n $n; mount -o remount,bind,ro $n; done"""
RUN = ["run", "tiny.toml", "--only", "A", "--jobs", "1", "--quiet"]


@pytest.fixture
def here(tmp_path):
    """Return a folder with a suite."""
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def statuses(folder):
    """Return the status of every row of the run."""
    return [json.loads(path.read_text())["row"]["status"] for path in folder.glob("runs/tiny/trials/*/*/row.json")]


def shell(folder, script, **environment):
    """Run a shell script in which ``harness`` is the command; return its exit code and output."""
    (folder / "harness").write_text(f'#!/bin/sh\nexec {sys.executable} -m harness "$@"\n')
    (folder / "harness").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder, env=os.environ | environment | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def mounted(folder, script):
    """Run a script that may mount something of its own; skip where the system does not allow it."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("needs unshare: a mount namespace of one's own")
    (folder / "script").write_text(script)
    return shell(folder, "unshare -rm bash script")


@pytest.mark.parametrize("number", ["99999999999", str(MOST + 1), "-1"])
@pytest.mark.parametrize("option", ["--jobs", "--threads"])
def test_so_many_processes_are_refused_with_the_limit(here, typed, option, number):
    """One line, exit code 2, before anything starts."""
    told = typed("run", "tiny.toml", option, number, code=2).err
    assert told.count("\n") == 1
    assert f"'{option}'" in told
    assert number == "-1" or str(MOST) in told
    assert not (here / "runs").exists()


@pytest.mark.slow
def test_a_long_name_of_the_temporary_folder_does_no_harm(here):
    """120 characters, usual on clusters: more than a socket's name may have."""
    folder = here / "t" / ("x" * 120)
    folder.mkdir(parents=True)
    done = shell(here, "harness " + " ".join(RUN), TMPDIR=str(folder))
    assert (done.returncode, statuses(here)) == (0, ["done"]), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "mount",
    [FULL, "mount -t tmpfs -o ro tmpfs /dev/shm", ABSENT, NO_PLACE],
    ids=["full", "read-only", "absent", "no temporary folder"],
)
def test_no_shared_memory_and_no_temporary_folder_is_needed(here, mount):
    """A worker has pipes, and nothing else."""
    if str(here).startswith(("/tmp", "/var/tmp", "/dev/shm")):  # noqa: S108 - this test's own place may be there
        mount = f"mkdir keep; mount --bind {here} /mnt; {mount}; cd /mnt; export PATH=/mnt:$PATH HARNESS_CACHE_DIR=c"
    done = mounted(here, f"set -e; {mount}\nharness {' '.join(RUN)}")
    assert (done.returncode, statuses(here)) == (0, ["done"]), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [400, 550, 700])
def test_a_limit_of_the_address_space_ends_in_words(here, megabytes):
    """Done, or a reason in words; below that the libraries of numerics spin or abort as they are loaded."""
    done = shell(here, f"ulimit -v {megabytes}000; harness {' '.join(RUN)}", OPENBLAS_NUM_THREADS="1")
    assert done.returncode in {0, 1, 2}
    assert "Traceback" not in done.stderr
