"""`harness bench` that is interrupted or killed while it measures."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.test_children import awaited, running

pytestmark = pytest.mark.slow  # it starts processes that load their libraries


def measuring(driver):
    """Return the processes that a driver started to measure in."""
    collected = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == driver and b"harness.bench.worker" in (path / "cmdline").read_bytes():
                collected.append(int(path.name))
    return collected


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_bench_leaves_no_process(tmp_path, number):
    """Ctrl-C, which the terminal sends to all of them, or a kill of the driver alone."""
    command = [sys.executable, "-m", "harness", "bench", "--backend=numpy", "--peer=none", "--network=M0"]
    driver = subprocess.Popen(
        [*command, "--work=train", "--rounds=100000", "--rows=2048", "--cores=1"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    pids = awaited(lambda: measuring(driver.pid))
    (os.killpg if number == signal.SIGINT else os.kill)(driver.pid, number)
    _, errors = driver.communicate(timeout=60)
    awaited(lambda: not any(map(running, pids)))
    assert driver.returncode == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in errors
