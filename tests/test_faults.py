"""Plugins that misbehave cost their own trial only, in worker processes as they really run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.plugins_on_disk import distribution

FAULTY = """
import ctypes, os, signal, sys, time
import numpy as np
import harness
from harness_array.backends import NumpyBackend
from harness.interfaces import EpochStats

NAMES = ("good hangs exits_0 exits_3 system_exit killed aborts prints raises wrong_shape wrong_type nan_predictions "
         "not_a_state unpicklable killed_once").split()

@harness.hookimpl
def register_backends(register):
    for name in NAMES:
        register(name, lambda name=name: Backend(name))

class Backend(NumpyBackend):
    def __init__(self, name):
        self.name = name

    def build(self, *arguments):
        network = super().build(*arguments)
        return Network(network, self.name)

class Network:
    placement = "stream"

    def __init__(self, inner, name):
        self.inner, self.name = inner, name

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def train_epoch(self, epoch, order, learning_rate):
        stats = self.inner.train_epoch(epoch, order, learning_rate)
        if self.name == "hangs":
            time.sleep(3600)
        if self.name == "exits_0":
            os._exit(0)
        if self.name == "exits_3":
            os._exit(3)
        if self.name == "system_exit":
            raise SystemExit(7)
        if self.name == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.name == "killed_once" and not os.path.exists("once"):
            open("once", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.name == "aborts":
            os.abort()
        if self.name == "prints":
            for _ in range(4000):
                print("x" * 999)
            os.write(2, b"straight to the descriptor\\n")
        if self.name == "raises":
            raise KeyError("no such thing")
        if self.name == "wrong_shape":
            return EpochStats(stats.losses[:-1], stats.sizes[:-1], stats.correct)
        if self.name == "wrong_type":
            return stats.losses
        return stats

    def predict(self, rows):
        values = self.inner.predict(rows)
        return values * np.float32("nan") if self.name == "nan_predictions" else values

    def state(self):
        if self.name == "not_a_state":
            return {"0.weight": "heavy"}
        return {"0.weight": Unpicklable((2, 2))} if self.name == "unpicklable" else self.inner.state()

class Unpicklable(np.ndarray):
    def __reduce__(self):
        raise RuntimeError("not for sale")
"""

SUITE = """
[suite]
name = "faults"
[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1
"""

EXPECTED = {
    "good": ("done", ""),
    "hangs": ("timed out", "took longer than 15 s"),
    "exits_0": ("failed", "worker died (exit code 0)"),
    "exits_3": ("failed", "worker died (exit code 3)"),
    "system_exit": ("failed", "SystemExit: 7"),
    "killed": ("failed", "worker died (signal 9)"),
    "aborts": ("failed", "worker died (signal 6)"),
    "prints": ("done", ""),
    "raises": ("failed", "KeyError: 'no such thing'"),
    "wrong_shape": ("failed", "the backend's epoch has losses (2,) and 1024 rows; the contract says 3 steps over 1253"),
    "wrong_type": ("failed", "the backend's epoch returned ndarray; the contract says EpochStats"),
    "nan_predictions": ("failed", "diverged at epoch 1: NaN among the log-probabilities of row 0 of 176"),
    "not_a_state": ("failed", "the backend's state has str under '0.weight'; the contract says NumPy arrays of"),
    "unpicklable": (
        "failed",
        "the backend's state has Unpicklable under '0.weight'; the contract says NumPy arrays of",
    ),
    "killed_once": ("done", ""),
}


@pytest.fixture
def faulty(tmp_path):
    """Return a function that runs a suite of the faulty backends, and the folder of its run."""
    distribution(tmp_path / "site", "harness-faulty", "0.1", {"faulty": FAULTY}, {"faulty": "faulty"})

    def run(names, *arguments):
        text = SUITE + "".join(f'[experiments.{name}]\nbackend = "{name}"\n' for name in names)
        (tmp_path / "faults.toml").write_text(text)
        command = [sys.executable, "-m", "harness", "run", "faults.toml", *arguments]
        # Its own cache: what other tests' trials took would decide which is started first.
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "HARNESS_CACHE_DIR": str(tmp_path / "cache")}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    return run, tmp_path / "runs" / "faults"


def rows_of(run: Path):
    """Return the stored rows by experiment."""
    contents = (json.loads(path.read_text())["row"] for path in run.glob("trials/*/*/row.json"))
    return {row["experiment"]: row for row in contents}


@pytest.mark.slow
def test_each_fault_costs_its_own_trial_with_its_reason(faulty):
    """Hanging, exiting, being killed, printing megabytes, nonsense: the others are done, the exit code is 1."""
    run, place = faulty
    done = run(EXPECTED, "--jobs", "2", "--timeout", "15s")  # a new process starts in one, if it has a core
    assert done.returncode == 1, done.stderr
    rows = rows_of(place)
    assert rows.keys() == EXPECTED.keys()
    for name, (status, reason) in EXPECTED.items():
        assert rows[name]["status"] == status, rows[name]["reason"]
        assert rows[name]["reason"].startswith(reason) if reason else not rows[name]["reason"]
        if status != "done":
            assert f"{name} seed 42 {status}: {reason}" in done.stderr
    assert "Traceback" not in done.stderr
    logs = {name: (place / "trials" / name / "seed-42" / "log.txt").read_text() for name in EXPECTED}
    assert "KeyError" in logs["raises"]
    assert "Traceback" in logs["raises"]
    assert len(logs["prints"]) > 4000 * 999
    assert "straight to the descriptor" in logs["prints"]
    assert logs["killed"].count("train killed seed 42") == 2, "it is run once more"
    assert logs["killed_once"].count("train killed_once seed 42") == 2
    assert "worker died (signal 9): the trial will run once more, alone" in logs["killed_once"]
    assert "killed_once seed 42 on killed_once: worker died (signal 9); the trial will run once more\n" in done.stderr
    assert "x" * 99 not in done.stderr + done.stdout


@pytest.mark.slow
def test_a_timed_out_trial_leaves_no_process(faulty):
    """The worker is killed, not left behind."""
    run, place = faulty
    run(["hangs"], "--timeout", "2")
    log = (place / "trials/hangs/seed-42/log.txt").read_text()
    pid = int(log.partition("process ")[2].split()[0])
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["0", "1"])
def test_fail_fast_stops_at_the_first_failure(faulty, jobs):
    """What had not begun stays planned; without it, the others go on."""
    run, place = faulty
    done = run(["raises", "good"], "--jobs", jobs, "--fail-fast")
    assert done.returncode == 1
    rows = rows_of(place)
    assert (rows["raises"]["status"], rows["good"]["status"]) == ("failed", "planned")
    again = run(["raises", "good"], "--jobs", "0")
    assert again.returncode == 1
    assert rows_of(place)["good"]["status"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("names", [["system_exit", "raises", "wrong_type", "good"]])
def test_faults_that_raise_cost_one_trial_in_this_process_too(faulty, names):
    """``--jobs 0``: nothing that can be caught ends the driver."""
    run, place = faulty
    assert run(names, "--jobs", "0").returncode == 1
    rows = rows_of(place)
    for name in names:
        assert rows[name]["status"] == EXPECTED[name][0]
        assert rows[name]["reason"].startswith(EXPECTED[name][1])


@pytest.mark.slow
def test_a_backend_that_dies_when_probed_costs_its_own_experiments(tmp_path):
    """Devices are asked about in a worker: the driver survives, the others run."""
    source = """
        import os, harness
        from harness_array.backends import NumpyBackend
        @harness.hookimpl
        def register_backends(register):
            register("deadly", Deadly)
            register("rude", Rude)
        class Deadly(NumpyBackend):
            def unavailable(self, device):
                os._exit(1)
        class Rude(NumpyBackend):
            def unavailable(self, device):
                raise SystemExit("no")
    """
    distribution(tmp_path / "site", "harness-deadly", "0.1", {"deadly": source}, {"deadly": "deadly"})
    names = {"numpy": "done", "deadly": "unavailable", "rude": "unavailable"}
    text = SUITE + "".join(f'[experiments.{name}]\nbackend = "{name}"\n' for name in names)
    (tmp_path / "faults.toml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "faults.toml"], cwd=tmp_path, check=False, timeout=300,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert {name: row["status"] for name, row in rows_of(tmp_path / "runs/faults").items()} == names
    assert "deadly seed 42 unavailable: deadly: worker died (exit code 1)" in done.stderr
    assert "rude seed 42 unavailable: rude: SystemExit: no" in done.stderr
