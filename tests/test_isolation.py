"""What a third party's trial does to its process reaches no other trial."""

import json
import os
import re
import subprocess
import sys

import pytest

from harness.execution.pools import Processes, Task
from tests.plugins_on_disk import distribution

MEDDLING = """
import os, random, signal, sys, threading, time
import numpy as np
import harness
from harness_array.backends import NumpyBackend

@harness.hookimpl
def register_backends(register):
    register("meddling", Backend)

@harness.hookimpl
def register_perturbations(register):
    register("meddling_blur", blur)

def meddle():
    os.chdir("/")
    np.random.seed(1)
    np.seterr(all="raise")
    random.seed(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=time.sleep, args=(3600,)).start()

def blur(images, severity, rng):
    return images

class Backend(NumpyBackend):
    def build(self, *arguments):
        network = super().build(*arguments)
        close = network.close
        network.close = lambda: (close(), meddle(), setattr(np, "exp", np.expm1))
        return network

if "harness.execution.pools.worker" in " ".join(sys.orig_argv):  # in a worker, its import does so too
    meddle()
"""

SUITE = """
[suite]
name = "isolation"
[defaults]
hidden_layers = [8]
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2
[experiments.before]
[experiments.meddling]
backend = "BACKEND"
[experiments.after]
[finalists]
one = "before"
two = "meddling"
three = "after"
[[robustness]]
perturbation = "PERTURBATION"
severities = [0.3]
"""


def run(folder, name, backend="numpy", perturbation="gaussian_noise"):
    """Run the suite by relative paths, one process at a time; return its rows and where they are."""
    (folder / f"{name}.toml").write_text(SUITE.replace("BACKEND", backend).replace("PERTURBATION", perturbation))
    command = [sys.executable, "-m", "harness", "run", f"{name}.toml", "--jobs", "1", "--quiet", "--out", name]
    paths = {"PYTHONPATH": str(folder / "site"), "HARNESS_CACHE_DIR": "cache"}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | paths, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trials = folder / name / "trials"
    return {place.parent.parent.name: json.loads(place.read_text()) for place in trials.glob("*/*/row.json")}, trials


@pytest.fixture
def installed(tmp_path):
    """Install the meddling plugin in a folder."""
    modules, points = {"harness_meddling": MEDDLING}, {"meddling": "harness_meddling"}
    distribution(tmp_path / "site", "harness-meddling", "0.1", modules, points)
    return tmp_path


def processes(trials, experiment):
    """Return the processes that trained and tested an experiment, by their log."""
    return re.findall(r"process (\d+)", (trials / experiment / "seed-42" / "log.txt").read_text())


@pytest.mark.slow
def test_a_third_partys_trial_leaves_the_others_their_bytes(installed):
    """It changes folder, functions, signals and threads, in a worker also when it is imported."""
    clean, _ = run(installed, "clean")
    meddled, trials = run(installed, "meddled", backend="meddling")
    for name in ("before", "after"):
        assert meddled[name]["files"] == clean[name]["files"], name
    own = processes(trials, "meddling")
    others = {*processes(trials, "before"), *processes(trials, "after")}
    assert len(set(own)) == 2, "training and evaluation have a process each"
    assert not others & set(own)


@pytest.mark.slow
def test_a_process_that_ran_a_third_partys_perturbation_trains_nothing(installed):
    """It is ended when the evaluation has ended."""
    _, trials = run(installed, "blurred", perturbation="meddling_blur")
    trained, *tested = processes(trials, "before")
    assert trained in processes(trials, "after")
    assert trained not in tested


def _process(_argument, _registry, _report):
    return os.getpid(), os.environ.get("HARNESS_DISABLE_PLUGINS", "")


@pytest.mark.slow
def test_an_isolated_task_has_a_new_process_and_no_other_task_has_it():
    """The processes of other tasks stay, and load harness's own plugins alone."""
    pool = Processes(1)
    try:
        collected = []
        for isolated in (False, True, True, False):
            future = pool.submit(Task(_process, None, "process", isolated=isolated))
            while not future.done():
                pool.wait()
            collected.append(future.result())
    finally:
        pool.stop()
    first, second, third, last = (pid for pid, _ in collected)
    assert first == last
    assert len({first, second, third}) == 3
    assert ["*" in disabled for _, disabled in collected] == [True, False, False, True]
