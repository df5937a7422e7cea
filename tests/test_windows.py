"""Without what Windows lacks: the names of POSIX in ``os`` and ``signal``, and the modules that are only there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.machine import files
from harness.machine.files import write_bytes
from tests.tiny import TINY

ROOT = Path(__file__).parents[1]
LACKING = """
import os, signal, socket, subprocess, sys
import filelock, psutil  # choose by sys.platform: they have ways of their own there
subprocess.Popen.kill = lambda self: self.send_signal(9)
names = {
    os: "fork forkpty getpgid killpg sched_getaffinity sched_setaffinity sysconf statvfs mkfifo nice pread preadv "
        "posix_spawn wait3 wait4 getpgrp",
    signal: "SIGKILL SIGALRM SIGHUP SIGUSR1 SIGUSR2 SIGCHLD SIGPIPE setitimer getitimer alarm pthread_sigmask sigwait",
    socket: "" if "pytest" in sys.orig_argv else "AF_UNIX",  # trio, which selenium brings, asks for it
}
for module, lacking in names.items():
    for name in lacking.split():
        if hasattr(module, name):
            delattr(module, name)
sys.modules |= dict.fromkeys(("fcntl", "resource", "pwd", "grp", "termios"))
"""
NAMES = """errors metrics grid schedules splits suite suite_expect tables cores lookup leaderboard differences
optimizers dispatch logs evaluation"""


@pytest.fixture
def environment(tmp_path):
    """Return the variables with which every Python, workers too, lacks them."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(LACKING)
    return os.environ | {"PYTHONPATH": str(tmp_path / "site")}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["0", "1"])
def test_a_run_needs_nothing_that_windows_lacks(tmp_path, environment, jobs):
    """Trained, tested and shown."""
    (tmp_path / "tiny.toml").write_text(TINY)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "tiny.toml", "--only", "A", "--jobs", jobs, "--timeout", "10m"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (row,) = tmp_path.glob("runs/tiny/trials/*/*/row.json")
    assert json.loads(row.read_text())["row"]["status"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES.split())
def test_the_pure_parts_pass_their_tests(tmp_path, environment, name):
    """In a process that lacks them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path}/base",
         f"tests/test_{name}.py"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


class _InUseError(PermissionError):
    winerror = 32


def test_a_file_that_a_reader_has_open_is_replaced_when_it_lets_go(tmp_path, monkeypatch):
    """Windows refuses meanwhile."""
    refusals = [_InUseError(), _InUseError()]
    replace = Path.replace

    def busy(path, target):
        if refusals:
            raise refusals.pop()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", busy)
    write_bytes(tmp_path / "row.json", b"new")
    assert (tmp_path / "row.json").read_bytes() == b"new"


def test_one_that_never_lets_go_is_an_error(tmp_path, monkeypatch):
    """And nothing is left behind; another refusal is one at once."""

    def never(_path, _target):
        raise _InUseError

    monkeypatch.setattr(files, "_READER_SECONDS", 0.05)
    monkeypatch.setattr(Path, "replace", never)
    with pytest.raises(PermissionError):
        write_bytes(tmp_path / "row.json", b"new")
    assert list(tmp_path.iterdir()) == []
