"""Clusters that lack a worker, are of another version, or lose a part in the middle: a line each, and the exit code."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("distributed")

from tests.chaos.contents import content, differences
from tests.clusters import ROOT, Nodes, cluster, environment, harness
from tests.test_cluster import plugins
from tests.tiny import TINY

pytestmark = pytest.mark.slow

WAITS = """
import pathlib
import time
import harness
from harness_array.backends import NumpyBackend

@harness.hookimpl
def register_backends(register):
    register("waits", Waits)

class Waits(NumpyBackend):
    def build(self, spec, state, optimizer, context):
        print("it builds", flush=True)
        place = pathlib.Path(HERE)
        with (place / "builds").open("a") as file:
            file.write("x")
        while not (place / "go").exists():
            time.sleep(0.05)
        return super().build(spec, state, optimizer, context)
"""
SUITE = """
[suite]
name = "waiting"
seeds = [1, 2]
[defaults]
hidden_layers = [16]
batch_size = 128
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2
[experiments.A]
backend = "waits"
"""
OLDER = """
import importlib.metadata
found = importlib.metadata.version
importlib.metadata.version = lambda name: "2020.1.0" if name == "distributed" else found(name)
"""


def refused(text):
    """Return the one line of an error; the rest of what was said is no traceback."""
    assert "Traceback" not in text
    [line] = [line for line in text.splitlines() if line.startswith(("error: ", "interrupted: "))]
    return line


def test_a_scheduler_without_a_worker_is_waited_for_with_a_limit(tmp_path):
    """A line says how long, another what starts a worker; nothing is written."""
    (tmp_path / "tiny.toml").write_text(TINY)
    with cluster(tmp_path / "nodes") as nodes:
        command = ("run", "tiny.toml", "--cluster", nodes.address, "--out", "run")
        said = harness(*command, cwd=tmp_path, code=2, HARNESS_CLUSTER_PATIENCE="0.5")
    assert "waiting 0.5 s for a worker to join\n" in said
    assert refused(said) == (
        "error: --cluster: the scheduler has no worker, and none joined within 0.5 s. "
        "'dask worker ADDRESS --no-nanny --memory-limit 0' starts one"
    )
    assert not (tmp_path / "run").exists()


def test_a_scheduler_of_another_version_is_refused(tmp_path):
    """It is asked before anything else is."""
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "sitecustomize.py").write_text(OLDER)
    (tmp_path / "tiny.toml").write_text(TINY)
    nodes = Nodes(tmp_path)
    try:
        nodes.start_scheduler(PYTHONPATH=os.pathsep.join([str(tmp_path / "older"), str(ROOT)]))
        said = harness("plan", "tiny.toml", "--cluster", nodes.address, cwd=tmp_path, code=2)
    finally:
        nodes.stop()
    assert "its scheduler has distributed 2020.1.0, and this environment " in refused(said)
    assert refused(said).endswith("Install the same version in both")


@pytest.fixture
def waiting(tmp_path):
    """Yield a cluster of two workers, a driver whose two trials have begun and wait for a file, and its folder."""
    path = plugins(tmp_path / "plugins", "waiting-backend", "1.0", WAITS.replace("HERE", repr(str(tmp_path))))
    (tmp_path / "s.toml").write_text(SUITE)
    with cluster(tmp_path / "nodes", "one", "two", PYTHONPATH=path) as nodes:
        command = [sys.executable, "-m", "harness", "run", "s.toml", "--cluster", nodes.address, "--out", "run"]
        driver = subprocess.Popen(
            command, cwd=tmp_path, env=environment(PYTHONPATH=path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        try:
            until(lambda: (tmp_path / "builds").exists() and len((tmp_path / "builds").read_text()) == 2, driver)
            yield nodes, driver, tmp_path
        finally:
            driver.kill()
            driver.communicate()


def until(reached, driver, seconds=120):
    """Wait until something is so, while the driver runs."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def log_of(folder, seed):
    """Return a trial's log."""
    path = folder / "run" / "trials" / "A" / f"seed-{seed}" / "log.txt"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_worker_that_leaves_has_its_trial_run_once_more_elsewhere(waiting, how):
    """The log has what came of the first attempt, and which node was lost."""
    nodes, driver, folder = waiting
    until(lambda: all("it builds" in log_of(folder, seed) for seed in (1, 2)), driver)
    nodes.workers["one"].send_signal(how)
    nodes.workers["one"].wait()
    (folder / "go").touch()
    said, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, said
    assert said.count("node one has left") == 1
    assert said.count("the node one was lost; the trial will run once more") == 1
    [log] = [text for text in (log_of(folder, 1), log_of(folder, 2)) if "lost" in text]
    before, line, after = log.partition("the node one was lost: the trial will run once more, elsewhere\n")
    assert line
    assert "train A seed" in before
    assert before.count("it builds") == after.partition("evaluate")[0].count("it builds") == 1
    assert (folder / "builds").read_text() == "x" * 5  # twice for the lost one, once for the other, once a test


def test_a_lost_scheduler_interrupts_the_run_with_one_line(waiting):
    """No traceback of a thread, and no message of Dask's; the same command resumes on another cluster."""
    nodes, driver, folder = waiting
    nodes.scheduler.kill()
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130, said
    assert refused(said) == (
        "interrupted: the scheduler of the cluster was lost. Finished trials are in run; the same command resumes"
    )
    assert "distributed" not in said
    assert "Error" not in said
    (folder / "go").touch()
    path = os.pathsep.join([str(ROOT), str(folder / "plugins")])
    for place in ("run", "other"):
        harness("run", "s.toml", "--jobs", "1", "--out", place, cwd=folder, PYTHONPATH=path)
    assert differences(content(folder / "other"), content(folder / "run")) == []


def test_kills_at_random_moments_lose_nothing():
    """A few of what ``python -m tests.chaos.cluster --moments 20`` makes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.cluster", "--moments", "1"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800, env=environment(HARNESS_TEST_SHARE="1"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every disturbed run ended with the bytes of an undisturbed one" in done.stdout
