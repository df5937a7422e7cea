"""Runs on machines that share nothing but a network: namespaces with files of their own, and cables that are pulled."""

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("distributed")

from tests.chaos.contents import content, differences
from tests.chaos.interrupt import wait_until_gone
from tests.clusters import Nodes, children, environment, harness
from tests.machines import network, refusal
from tests.test_cluster import DATA, FINALISTS, SUITE, nodes_of, plugins
from tests.test_cluster_losses import SUITE as WAITING
from tests.test_cluster_losses import WAITS, log_of, refused, until

pytestmark = pytest.mark.slow
SOON = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s"}
"""How long Dask waits for an answer of the network: by default twice that."""


@pytest.fixture
def machines(tmp_path):
    """Yield a network, and a function that starts what runs on it: a scheduler on ``hub``, workers elsewhere."""
    if why_not := refusal():
        pytest.skip(why_not)
    with network("hub", "driver", "one", "two") as (joined, addresses):
        nodes = Nodes(tmp_path / "nodes")
        nodes.folder.mkdir()

        def started(*hidden, **variables):
            prefix = joined.on("hub", *hidden)
            nodes.start_scheduler(host=addresses["hub"], prefix=prefix, **variables)
            for name in ("one", "two"):
                its_cache = {"HARNESS_CACHE_DIR": str(tmp_path / f"cache of {name}")}
                nodes.start_worker(name, prefix=joined.on(name, *hidden), **variables, **its_cache)
            return nodes

        try:
            yield joined, started
        finally:
            nodes.stop()


def test_machines_without_a_common_file_system_give_the_bytes_of_a_local_run(machines, tmp_path):
    """Each has a cache, one with the data, and neither sees the driver's files, which it sends back."""
    work = tmp_path / "work"
    work.mkdir()
    draw = np.random.default_rng(0)
    np.save(work / "images.npy", draw.integers(0, 255, (20_000, 12, 12), dtype=np.uint8))
    np.save(work / "labels.npy", np.arange(20_000) % 10)
    (work / "s.toml").write_text(SUITE.replace("[defaults]", DATA) + FINALISTS)
    mine = {"HARNESS_CACHE_DIR": str(work / "cache")}
    harness("run", "s.toml", "--jobs", "2", "--out", "local", cwd=work, **mine)
    shutil.copytree(work / "cache", tmp_path / "cache of one")
    joined, started = machines
    nodes = started(work)
    command = ("run", "s.toml", "--cluster", nodes.address, "--out", "spread")
    output = harness(*command, cwd=work, prefix=joined.on("driver"), **mine)
    assert output.count("files was sent") == output.count("node two: files was sent, 3.0 MB") == 1
    assert differences(content(work / "local"), content(work / "spread")) == []
    used, _ = nodes_of(work / "spread")
    assert set(used) == {"one", "two"}


@pytest.fixture
def waiting(machines, tmp_path):
    """Yield the network, its nodes, a driver whose two trials have begun and wait for a file, and ``finish``.

    That runs the driver's command once more, if it is to be resumed, and compares the run with one of ``--jobs 2``.
    """
    joined, started = machines
    work = tmp_path / "work"
    work.mkdir()
    path = plugins(tmp_path / "plugins", "waiting-backend", "1.0", WAITS.replace("HERE", repr(str(tmp_path))))
    (work / "s.toml").write_text(WAITING)
    nodes = started(work, PYTHONPATH=path, **SOON)
    options = ["run", "s.toml", "--cluster", nodes.address, "--checkpoint", "0.01s", "--out", "run"]
    mine = {"PYTHONPATH": path, "HARNESS_CACHE_DIR": str(work / "cache"), **SOON}
    driver = subprocess.Popen(
        [*joined.on("driver"), sys.executable, "-m", "harness", *options],
        cwd=work, env=environment(**mine), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip

    def finish(*, resume=False):
        (tmp_path / "go").touch()
        if resume:
            harness(*options, cwd=work, prefix=joined.on("driver"), **mine)
        output, _ = driver.communicate(timeout=300)
        assert resume or driver.returncode == 0, output
        harness("run", "s.toml", "--jobs", "2", "--out", "local", cwd=work, **mine)
        assert differences(content(work / "local"), content(work / "run")) == []
        return output

    try:
        places = [work / "run" / "trials" / "A" / f"seed-{seed}" / "checkpoint.npz" for seed in (1, 2)]
        until(lambda: all(place.exists() and "it waits" in log_of(place) for place in places), driver, 600)
        yield joined, nodes, driver, finish
    finally:
        driver.kill()
        driver.communicate()


def test_a_machine_that_is_cut_off_has_its_trial_run_elsewhere_and_ends_what_it_ran(waiting, tmp_path):
    """The driver goes on without it; on the machine, whose worker reaches nothing, both end by themselves."""
    joined, nodes, driver, finish = waiting
    jobs = children(nodes.workers["one"])
    assert jobs
    joined.cut("one")
    wait_until_gone(jobs, 180.0)
    nodes.workers["one"].wait(180)
    assert driver.poll() is None
    output = finish()
    assert output.count("node one has left") == 1
    assert output.count("the node one was lost; the trial will run once more") == 1
    assert nodes_of(tmp_path / "work" / "run")[0] == ["two", "two"]
    assert children(nodes.workers["two"]) == []


def test_a_short_cut_costs_nothing(waiting, tmp_path):
    """What is sent meanwhile arrives later."""
    joined, _, _, finish = waiting
    joined.cut("one")
    time.sleep(3)
    joined.mend("one")
    output = finish()
    assert "has left" not in output
    assert sorted(nodes_of(tmp_path / "work" / "run")[0]) == ["one", "two"]


def test_a_driver_that_is_cut_off_is_interrupted_and_leaves_nothing_on_the_machines(waiting):
    """With one line; once it reaches the scheduler again, the same command resumes."""
    joined, nodes, driver, finish = waiting
    jobs = [pid for worker in nodes.workers.values() for pid in children(worker)]
    assert len(jobs) >= 2
    joined.cut("driver")
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 130, output
    assert refused(output).startswith("interrupted: the scheduler of the cluster was lost.")
    wait_until_gone(jobs, 180.0)
    joined.mend("driver")
    finish(resume=True)
