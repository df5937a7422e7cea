"""Clusters that lack a worker, are of another version, or lose a part in the middle: a line each, and the exit code."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

pytest.importorskip("distributed")

from tests.chaos.contents import content, differences
from tests.chaos.interrupt import wait_until_gone
from tests.clusters import ROOT, Nodes, children, cluster, environment, harness
from tests.test_cluster import nodes_of, plugins
from tests.tiny import TINY

pytestmark = pytest.mark.slow

WAITS = """
import itertools
import pathlib
import time
import harness
from harness_array.backends import NumpyBackend

@harness.hookimpl
def register_backends(register):
    register("waits", Waits)

class Waits(NumpyBackend):
    def build(self, spec, state, optimizer, context):
        network = super().build(spec, state, optimizer, context)
        train, calls, place = network.train_epoch, itertools.count(), pathlib.Path(HERE)

        def waiting(*arguments):
            time.sleep(0.05)  # longer than the time between checkpoints
            if next(calls) == 1:
                print("it waits", flush=True)
                while not (place / "go").exists():
                    time.sleep(0.05)
            return train(*arguments)

        network.train_epoch = waiting
        return network
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
        output = harness(*command, cwd=tmp_path, code=2, HARNESS_CLUSTER_PATIENCE="0.5")
    assert "waiting 0.5 s for a worker to join\n" in output
    assert refused(output) == (
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
        output = harness("plan", "tiny.toml", "--cluster", nodes.address, cwd=tmp_path, code=2)
    finally:
        nodes.stop()
    assert "its scheduler has distributed 2020.1.0, and this environment " in refused(output)
    assert refused(output).endswith("Install the same version in both")


@contextmanager
def begun(nodes, folder, path, run="run"):
    """Yield a driver whose two trials have begun and wait for a file."""
    options = ["--cluster", nodes.address, "--checkpoint", "0.01s", "--out", run]
    driver = subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "s.toml", *options],
        cwd=folder, env=environment(PYTHONPATH=path, HARNESS_CLUSTER_PATIENCE="3"), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        places = [folder / run / "trials" / "A" / f"seed-{seed}" / "checkpoint.npz" for seed in (1, 2)]
        until(lambda: all(place.exists() and "it waits" in log_of(place) for place in places), driver)
        yield driver
    finally:
        driver.kill()
        driver.communicate()


@pytest.fixture
def started(tmp_path, request):
    """Yield a cluster of two workers, the folder of a suite of two trials, and the path of their plugin.

    A parameter: the seeds of all trials, where there are more.
    """
    path = plugins(tmp_path / "plugins", "waiting-backend", "1.0", WAITS.replace("HERE", repr(str(tmp_path))))
    (tmp_path / "s.toml").write_text(SUITE.replace("[1, 2]", getattr(request, "param", "[1, 2]")))
    with cluster(tmp_path / "nodes", "one", "two", PYTHONPATH=path) as nodes:
        nodes.until_joined()
        yield nodes, tmp_path, path


@pytest.fixture
def waiting(started):
    """Yield a cluster of two workers, a driver whose two trials have begun and wait for a file, and its folder."""
    nodes, folder, path = started
    with begun(nodes, folder, path) as driver:
        yield nodes, driver, folder


def until(reached, driver, seconds=600):
    """Wait until something is so, while the driver runs."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def log_of(file):
    """Return the log of the trial that has a file."""
    path = file.with_name("log.txt")
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_worker_that_leaves_has_its_trial_run_once_more_elsewhere(waiting, how):
    """From its checkpoint; the log has what came of the first attempt, and which node was lost."""
    nodes, driver, folder = waiting
    nodes.workers["one"].send_signal(how)
    nodes.workers["one"].wait()
    (folder / "go").touch()
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    assert output.count("node one has left") == 1
    assert output.count("the node one was lost; the trial will run once more") == 1
    [log] = [text for path in folder.glob("run/trials/A/*/row.json") if "lost" in (text := log_of(path))]
    before, line, after = log.partition("the node one was lost: the trial will run once more, elsewhere\n")
    assert line
    assert "train A seed" in before
    assert (before.count("it waits"), after.count("it waits")) == (1, 0)
    assert "goes on from its checkpoint after epoch 1" in after


@pytest.mark.parametrize("started", ["[1, 2, 3]"], indirect=True)
def test_a_worker_that_joins_in_the_middle_takes_a_trial_that_waits(waiting):
    """It is shown as those of the start are; one whose plugin differs is left out, with the reason."""
    nodes, driver, folder = waiting
    theirs = plugins(folder / "theirs", "waiting-backend", "2.0", WAITS.replace("HERE", repr(str(folder))))
    nodes.start_worker("other", PYTHONPATH=theirs)
    limit = threading.Timer(240, driver.kill)
    limit.start()
    message = "node other is left out: its backend waits is waiting-backend 2.0, and waiting-backend 1.0 here"
    assert any(message in line for line in driver.stdout)
    limit.cancel()
    nodes.start_worker("three", PYTHONPATH=os.pathsep.join([str(ROOT), str(folder / "plugins")]))
    place = folder / "run" / "trials" / "A" / "seed-3"
    until(lambda: "it waits" in log_of(place / "row.json"), driver)
    (folder / "go").touch()
    output = driver.stdout.read()
    assert driver.wait(60) == 0, output
    assert output.count("node three: 1 trial at a time, cpu") == 1
    assert message not in output
    used, rows = nodes_of(folder / "run")
    assert dict(zip((row["seed"] for row in rows), used, strict=True))[3] == "three"
    assert set(used) == {"one", "two", "three"}


def test_without_a_node_the_run_waits_a_while_and_is_interrupted(waiting):
    """A line says how long."""
    nodes, driver, _ = waiting
    for worker in nodes.workers.values():
        worker.kill()
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 130, output
    assert output.count("no node is left: waiting 3 s for one to join") == 1
    assert refused(output).startswith("interrupted: no node of the cluster has been left for 3 s. Finished trials are")


def test_a_driver_that_is_ended_leaves_no_process_on_a_node(started):
    """However it ends; the workers stay, and serve the next."""
    nodes, folder, path = started
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with begun(nodes, folder, path, how.name) as driver:
            jobs = [pid for worker in nodes.workers.values() for pid in children(worker)]
            assert len(jobs) == 2
            driver.send_signal(how)
            output, _ = driver.communicate(timeout=120)
        assert driver.returncode == (-9 if how == signal.SIGKILL else 130), output
        assert "Traceback" not in output
        wait_until_gone(jobs, 60.0)
        assert all(worker.poll() is None for worker in nodes.workers.values())


def test_a_lost_scheduler_interrupts_the_run_with_one_line(waiting):
    """No traceback of a thread, and no message of Dask's; the same command resumes on another cluster."""
    nodes, driver, folder = waiting
    nodes.scheduler.kill()
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130, output
    assert refused(output) == (
        "interrupted: the scheduler of the cluster was lost. Finished trials are in run; the same command resumes"
    )
    assert "distributed" not in output
    assert "Error" not in output
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
