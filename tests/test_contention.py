"""Trials that shared the machine: who ran beside whom, and how long threads waited for a core."""

import os
import subprocess
import sys

import pytest

from harness.execution.pools import InProcess, Processes
from harness.machine import contention
from harness.plugins.loading import registry
from tests.tiny import run_suite

TWO = """
[suite]
name = "two"
seeds = [1, 2]
[defaults]
hidden_layers = [32]
batch_size = 16
epochs = 12
optimizer = { name = "adam", learning_rate = 0.01 }
[experiments.A]
[finalists]
one = "A"
"""


@pytest.mark.slow
def test_trials_that_ran_beside_others_are_marked(tmp_path):
    """Two at a time: both rows say so, also when they are read again."""
    pool = Processes(2)
    try:
        outcome, run = run_suite(tmp_path, TWO, pool=pool)
    finally:
        pool.stop()
    assert [row.status for row in outcome.rows] == ["done", "done"]
    for row in run.rows():
        assert row.contended.startswith("ran beside other trials")


def test_trials_one_after_the_other_did_not_run_beside_others(tmp_path):
    """Whatever else the machine was doing."""
    outcome, _ = run_suite(tmp_path, TWO, pool=InProcess(registry()))
    assert not any("beside" in row.contended for row in outcome.rows)


BUSY = "while True: pass"
WAIT = """
from time import monotonic
from harness.machine.contention import Waiting
waiting, end = Waiting(), monotonic() + 0.5
while monotonic() < end: pass
print(waiting.share())
"""


@pytest.mark.skipif(contention.waited() is None, reason="this system does not tell how long threads wait")
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to a core")
def test_waiting_for_a_core_is_seen():
    """Two others on the same core: about two thirds of the time; more where further processes run there."""
    core = min(os.sched_getaffinity(0))
    bind = f"import os; os.sched_setaffinity(0, {{{core}}})\n"
    others = [subprocess.Popen([sys.executable, "-c", bind + BUSY]) for _ in range(2)]
    try:
        done = subprocess.run([sys.executable, "-c", bind + WAIT], capture_output=True, text=True, check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert 0.3 < float(done.stdout) <= 1
    assert "waited for a core" in contention.contended(beside=False, share=float(done.stdout))


def test_a_little_waiting_is_no_contention():
    """Every process is interrupted now and then; and where that is unknown, nothing is claimed."""
    assert contention.contended(beside=False, share=0.02) == ""
    assert contention.contended(beside=False, share=None) == ""
    assert contention.contended(beside=True, share=0.02) == "ran beside other trials"
