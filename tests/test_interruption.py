"""What befalls long jobs: Ctrl-C, a killed driver, a full disk, a disk that cannot be written to."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.interrupt import wait_until_gone, workers
from tests.tiny import TINY

pytestmark = pytest.mark.slow  # each starts commands

HARNESS = [sys.executable, "-m", "harness"]
LONG = ["--set", "experiments.B.epochs=1000000"]
SOON = 60.0
"""Seconds within which all has ended, on a loaded machine; trial B would take minutes."""


def status(folder, experiment):
    """Return the status of a stored row, None without one."""
    path = folder / f"runs/tiny/trials/{experiment}/seed-1/row.json"
    return json.loads(path.read_text())["row"]["status"] if path.exists() else None


@pytest.fixture
def driver(tmp_path):
    """Return a driver whose trial A is done, while B will not end, and the folder that it runs in."""
    (tmp_path / "tiny.toml").write_text(TINY)
    process = subprocess.Popen(
        [*HARNESS, "run", "tiny.toml", "--jobs", "2", *LONG],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    try:
        while status(tmp_path, "A") != "done":
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process, tmp_path
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("number", "to_all"),
    [
        pytest.param(signal.SIGINT, True, id="from the keyboard"),
        pytest.param(signal.SIGTERM, False, id="ended, the driver alone", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, False, id="interrupted, the driver alone", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, True, id="ended, all", marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_ends_all_at_once_and_keeps_what_is_done(driver, number, to_all):
    """Exit code 130, one line, no traceback, no process left; a terminal sends the signal to the workers too."""
    process, folder = driver
    pids = workers(process.pid)
    assert pids
    started = time.monotonic()
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=2 * SOON)
    assert time.monotonic() - started < SOON
    assert process.returncode == 130
    assert errors.endswith("interrupted: finished trials are in runs/tiny; the same command resumes\n")
    assert "Traceback" not in errors
    wait_until_gone(pids, SOON)
    assert (status(folder, "A"), status(folder, "B")) == ("done", "planned")


@pytest.mark.slow
def test_workers_end_with_a_driver_that_was_killed_and_its_lock_is_free(driver):
    """The system lets go of the lock; the same command, with the trial made shorter, resumes."""
    process, folder = driver
    pids = workers(process.pid)
    assert pids
    before = (folder / "runs/tiny/trials/A/seed-1/row.json").read_bytes()
    process.kill()
    wait_until_gone(pids, SOON)
    again = subprocess.run([*HARNESS, "run", "tiny.toml"], cwd=folder, capture_output=True, text=True, check=True)
    assert "already done" in again.stderr
    trained = json.loads(before)["row"]["history"]
    assert json.loads((folder / "runs/tiny/trials/A/seed-1/row.json").read_bytes())["row"]["history"] == trained


def test_a_second_driver_is_one_line_and_changes_nothing(driver, typed):
    """Exit code 2; the first goes on."""
    process, folder = driver
    before = (folder / "runs/tiny/run.json").read_bytes()
    second = typed("run", "tiny.toml", code=2)
    expected = "runs/tiny: another harness is running here. Wait for it, or name another directory with --out"
    assert second.err == f"error: {expected}\n"
    assert (folder / "runs/tiny/run.json").read_bytes() == before
    assert process.poll() is None


def test_a_run_of_a_future_format_is_left_as_it_is(typed, tmp_path):
    """Exit code 2, and not a byte is written."""
    (tmp_path / "tiny.toml").write_text(TINY)
    header = tmp_path / "runs" / "tiny" / "run.json"
    header.parent.mkdir(parents=True)
    header.write_text('{"format": 99}')
    output = typed("run", "tiny.toml", code=2).err
    assert "format 99; this harness reads formats 1 and 2. Use the version that wrote it" in output
    assert header.read_text() == '{"format": 99}'
    assert sorted(path.name for path in header.parent.iterdir()) == [".lock", "run.json"]


def mounted(folder: Path, script: str):
    """Run a script that may mount a disk; skip where the system does not allow it."""
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("needs unshare: a mount namespace of one's own")
    (folder / "tiny.toml").write_text(TINY)
    (folder / "disk").mkdir()
    return subprocess.run(
        ["unshare", "-rm", "bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_same_command_resumes(tmp_path):
    """What fitted stays as it is; with more room the rest follows."""
    run = f"{sys.executable} -m harness run tiny.toml --jobs 1 --out disk/run"
    done = mounted(
        tmp_path,
        f"""mount -t tmpfs -o size=80k tmpfs disk
        {run}; echo "code $?"
        sha256sum $(grep -l '"done"' disk/run/trials/*/*/row.json | xargs -n1 dirname | sed 's:$:/*.npz:')
        mount -o remount,size=20m disk
        echo again; {run}; echo "code $?"
        sha256sum disk/run/trials/*/*/*.npz""",
    )
    first, _, second = done.stdout.partition("again\n")
    assert "code 2\n" in first, done.stderr
    assert "the disk is full. Free some space: the same command resumes" in done.stderr
    assert "code 0\n" in second, done.stderr
    finished = [line for line in first.splitlines() if line.endswith(".npz")]
    assert finished, "nothing was finished before the disk was full"
    assert set(finished) <= set(second.splitlines())
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_directory_that_cannot_be_written_to_is_one_line(tmp_path):
    """Exit code 2, before anything is trained."""
    done = mounted(
        tmp_path,
        f"mount -t tmpfs -o ro tmpfs disk; {sys.executable} -m harness run tiny.toml --out disk/run; echo code $?",
    )
    assert "code 2" in done.stdout
    assert done.stderr == (
        "error: disk/run: cannot be written to: Read-only file system. Name another directory with --out\n"
    )
