"""``--cluster local:N``: a scheduler and workers of this machine, none of which outlives its driver."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

pytest.importorskip("distributed")

from harness.machine.claims import remove_unclaimed
from tests.chaos.interrupt import wait_until_gone
from tests.clusters import environment
from tests.test_cluster import BACKENDS, SUITE, plugins

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no kernel ends what a killed process started"),
]
KINDS = {"dask_scheduler": 1, "dask_worker": 2, "harness.execution.pools.worker": 2}


def complete(processes):
    """Return whether at least as many of some processes are of each kind as there must be."""
    commands = []
    for process in processes:
        try:
            commands.append(" ".join(process.cmdline()))
        except psutil.Error:  # it has ended
            continue
    return all(sum(kind in command for command in commands) >= count for kind, count in KINDS.items())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_driver_that_is_ended(tmp_path, how):
    """Neither its scheduler, nor a worker, nor a job; where it can, it removes its folder too."""
    path = plugins(tmp_path / "plugins", "cluster-backends", "1.0", BACKENDS)
    (tmp_path / "s.toml").write_text(SUITE + 'backend = "hangs"\n')
    (tmp_path / "temporary").mkdir()
    driver = subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "s.toml", "--cluster", "local:2", "--out", "run"],
        cwd=tmp_path, env=environment(PYTHONPATH=path, TMPDIR=str(tmp_path / "temporary")), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    started, deadline = [], time.monotonic() + 240
    try:
        while not complete(started) or len(list(tmp_path.glob("run/trials/*/*/log.txt"))) < 2:
            assert driver.poll() is None, driver.communicate()[0]
            assert time.monotonic() < deadline, started
            time.sleep(0.1)
            started = psutil.Process(driver.pid).children(recursive=True)
        os.kill(driver.pid, how)
        output, _ = driver.communicate(timeout=120)
    finally:
        driver.kill()
        driver.wait()
    assert driver.returncode == (130 if how == signal.SIGINT else -9), output
    assert "Traceback" not in output
    wait_until_gone([process.pid for process in started], 60.0)
    left = list((tmp_path / "temporary").glob("harness-cluster-*"))
    assert len(left) == (how == signal.SIGKILL)
    remove_unclaimed(left)  # as the next one does
    assert not list((tmp_path / "temporary").glob("harness-cluster-*"))
