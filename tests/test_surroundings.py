"""Machines that lack what is usual: shared memory, temporary folders, short paths, memory, processes."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from harness.machine.host import MOST
from harness.machine.scarcity import NEEDED
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
    """Run a script that may mount a file system; skip where the system does not allow it."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("needs unshare: a mount namespace of one's own")
    (folder / "script").write_text(script)
    return shell(folder, "unshare -rm bash script")


@pytest.mark.parametrize("number", ["99999999999", str(MOST + 1), "-1"])
@pytest.mark.parametrize("option", ["--jobs", "--threads"])
def test_so_many_processes_are_refused_with_the_limit(here, typed, option, number):
    """One line, exit code 2, before anything starts."""
    printed = typed("run", "tiny.toml", option, number, code=2).err
    assert printed.count("\n") == 1
    assert option in printed
    assert number == "-1" or str(MOST) in printed
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


SCARCE = [
    MemoryError(),
    ImportError("libopenblas.so: failed to map segment from shared object"),
    ImportError("libc.so: cannot allocate memory in static TLS block"),
    RuntimeError("can't start new thread"),
    SystemError("error return without exception set"),
]


@pytest.fixture
def raising(monkeypatch, typed):
    """Return a function that types a command which raises an error."""

    def types(error, code):
        def fails(*_, **__):
            raise error

        monkeypatch.setattr("harness.cli.app", fails)
        return typed("list", code=code).err

    return types


@pytest.fixture
def limited():
    """Limit the address space, to more than there can be."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 46, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("error", SCARCE, ids=repr)
def test_too_little_memory_is_one_line(raising, error):
    """Whatever the library that found none made of it."""
    printed = raising(error, code=2)
    assert printed == "error: not enough memory. Free some, or raise the limit ('ulimit -v' shows it)\n"


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("error", [ImportError("No module named 'x'"), RuntimeError("x"), ValueError("x")], ids=repr)
def test_other_errors_are_not_blamed_on_memory(raising, error):
    """They are ours, and stay tracebacks."""
    with pytest.raises(type(error)):
        raising(error, code=1)


@pytest.mark.parametrize("error", SCARCE[1:], ids=repr)
def test_without_a_limit_memory_is_not_blamed(raising, error):
    """A library that cannot be loaded has another reason then."""
    with pytest.raises(type(error)):
        raising(error, code=1)


@pytest.mark.parametrize("mebibytes", [150, 250, NEEDED // 2**20 - 1])
def test_too_small_an_address_space_is_refused_at_once(here, mebibytes):
    """Libraries that find no room while they are loaded fail in ways of their own, and some never end."""
    done = shell(here, f"ulimit -v {mebibytes * 1024}; harness {' '.join(RUN)}", OPENBLAS_NUM_THREADS="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: the address space is limited to {mebibytes} MiB ('ulimit -v'), and harness needs 600 MiB. "
        "Raise the limit\n"
    )
    assert not (here / "runs").exists()


@pytest.mark.slow
def test_the_least_address_space_is_enough(here):
    """For a small run, with one thread."""
    done = shell(here, f"ulimit -v {NEEDED // 1024}; harness {' '.join(RUN)}", OPENBLAS_NUM_THREADS="1")
    assert (done.returncode, statuses(here)) == (0, ["done"]), done.stderr
