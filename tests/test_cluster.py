"""Runs on a cluster of processes: the bytes of a local run, wherever its trials ran, and whatever befell them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("distributed")

from tests.chaos.contents import content, differences
from tests.clusters import ROOT, cluster, harness
from tests.plugins_on_disk import distribution
from tests.tiny import TINY

pytestmark = pytest.mark.slow

BACKENDS = """
import time
import harness
from harness_array.backends import NumpyBackend

@harness.hookimpl
def register_backends(register):
    register("hangs", Hangs)
    register("devices", Devices)

class Hangs(NumpyBackend):
    def build(self, spec, state, optimizer, context):
        network = super().build(spec, state, optimizer, context)
        network.train_epoch = lambda *_: time.sleep(3600)
        return network

class Devices(NumpyBackend):
    def unavailable(self, device):
        return None if device in ("auto", "gpu") or device.startswith("gpu:") else f"devices: no {device}"

    def devices(self, device):
        return ("gpu:0", "gpu:1") if device in ("auto", "gpu") else (device,)

    def environment(self, device):
        return {**super().environment("cpu"), "device": device}

    def build(self, spec, state, optimizer, context):
        time.sleep(1)
        return super().build(spec, state, optimizer, context)
"""
ODD = """
import harness

@harness.hookimpl
def register_perturbations(register):
    register("odd", odd)

def odd(images, severity, rng):
    return images
"""
SUITE = """
[suite]
name = "two"
seeds = [1, 2, 3, 4]
[defaults]
hidden_layers = [16]
batch_size = 128
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 2
[experiments.A]
"""
DATA = """
[dataset]
name = "files"
images = "images.npy"
labels = "labels.npy"
split = { train = 0.1, val = 0.1, test = 0.8 }
[defaults]
"""
FINALISTS = """
[experiments.B]
[finalists]
a = "A"
b = "B"
[ensembles.E]
members = ["A"]
"""


def plugins(folder, name, version, source):
    """Install a distribution; return the folder for PYTHONPATH."""
    distribution(folder, name, version, {name.replace("-", "_"): source}, {"it": name.replace("-", "_")}, record=True)
    return os.pathsep.join([str(ROOT), str(folder)])


def nodes_of(run):
    """Return the nodes that a run's rows name."""
    import json

    rows = [json.loads(path.read_text())["row"] for path in run.glob("trials/*/*/row.json")]
    return [row["environment"].get("node", "") for row in rows], rows


def test_a_suite_has_the_bytes_of_a_local_run(tmp_path):
    """The paper's twelve experiments on digits, through a scheduler and two workers, against ``--jobs 2``."""
    suite = (ROOT / "suites" / "full.toml", "--dataset", "digits")
    variables = {"HARNESS_CACHE_DIR": str(tmp_path / "cache")}
    harness("run", *suite, "--jobs", "2", "--out", "local", cwd=tmp_path, **variables)
    with cluster(tmp_path / "nodes", "one", "two") as nodes:
        harness(
            "run", *suite, "--cluster", nodes.folder / "scheduler.json", "--out", "spread", cwd=tmp_path, **variables
        )
    assert differences(content(tmp_path / "local"), content(tmp_path / "spread")) == []
    used, _ = nodes_of(tmp_path / "spread")
    assert set(used) == {"one", "two"}


def test_a_hung_job_alone_times_out(tmp_path):
    """Its worker goes on; ``local:2`` starts scheduler and workers, and leaves none."""
    path = plugins(tmp_path / "plugins", "cluster-backends", "1.0", BACKENDS)
    (tmp_path / "s.toml").write_text(SUITE + '[experiments.B]\nbackend = "hangs"\n')
    output = harness(
        "run",
        "s.toml",
        "--cluster",
        "local:2",
        "--timeout",
        "20s",
        "--out",
        "run",
        cwd=tmp_path,
        code=1,
        PYTHONPATH=path,
    )
    assert output.count("on hangs: timed out: took longer than 20 s") == 4
    _, rows = nodes_of(tmp_path / "run")
    assert sorted(row["status"] for row in rows) == ["done"] * 4 + ["timed out"] * 4


def test_a_device_takes_one_trial_and_as_many_as_share_it(tmp_path):
    """Each of two nodes of one machine sees its two devices, which two workers do not use at once.

    Where the suite lets two trials share one, their times are marked.
    """
    path = plugins(tmp_path / "plugins", "cluster-backends", "1.0", BACKENDS)
    (tmp_path / "s.toml").write_text(SUITE + 'backend = "devices"\n')
    with cluster(tmp_path / "nodes", "one", "two", threads=4, PYTHONPATH=path) as nodes:
        output = harness("run", "s.toml", "--cluster", nodes.address, "--out", "run", cwd=tmp_path, PYTHONPATH=path)
        assert "node one: 4 trials at a time, gpu:0, gpu:1" in output
        alone = ("--device", "gpu:0", "--cluster", nodes.address, "--out")
        harness("run", "s.toml", *alone, "alone", cwd=tmp_path, PYTHONPATH=path)
        share = ("--set", "suite.share_device=2")
        harness("run", "s.toml", *alone, "shared", *share, cwd=tmp_path, PYTHONPATH=path)
    _, rows = nodes_of(tmp_path / "run")
    assert {row["environment"]["device"] for row in rows} == {"gpu:0", "gpu:1"}
    for name, beside in (("alone", {False}), ("shared", {True})):
        _, rows = nodes_of(tmp_path / name)
        assert {row["environment"]["device"] for row in rows} == {"gpu:0"}
        assert {"ran beside other trials" in row["contended"] for row in rows} == beside


def test_nodes_that_differ_are_left_out_or_get_what_they_can_do(tmp_path):
    """One without torch gets no trial of torch; one with another version of a plugin none at all; a line each."""
    pytest.importorskip("torch")
    ours = plugins(tmp_path / "ours", "odd-noise", "1.0", ODD)
    theirs = plugins(tmp_path / "theirs", "odd-noise", "2.0", ODD)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "torch.py").write_text("raise ImportError('not on this node')\n")
    text = SUITE + '[experiments.B]\nbackend = "torch"\n[[robustness]]\nperturbation = "odd"\nseverities = [0.0, 0.1]\n'
    (tmp_path / "s.toml").write_text(text)
    with cluster(tmp_path / "nodes", "whole", PYTHONPATH=ours) as nodes:
        nodes.start_worker("plain", PYTHONPATH=os.pathsep.join([ours, str(hidden)]))
        nodes.start_worker("other", PYTHONPATH=theirs)
        output = harness("run", "s.toml", "--cluster", nodes.address, "--out", "run", cwd=tmp_path, PYTHONPATH=ours)
        for name in ("whole", "plain"):
            nodes.workers[name].kill()
            nodes.workers[name].wait()
        command = ("run", "s.toml", "--cluster", nodes.address, "--out", "none")
        refused = harness(*command, cwd=tmp_path, code=2, PYTHONPATH=ours)
    message = "node other is left out: its perturbation odd is odd-noise 2.0, and odd-noise 1.0 here"
    assert output.count(message) == 1
    reason = message.replace("node other is left out: ", "other: ")
    assert refused.endswith(f"error: --cluster: none of its nodes can take part: {reason}\n")
    assert not (tmp_path / "none").exists()
    used, rows = nodes_of(tmp_path / "run")
    assert "other" not in used
    assert {node for node, row in zip(used, rows, strict=True) if row["experiment"] == "B"} == {"whole"}


@pytest.mark.skipif(
    sys.platform != "linux"
    or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0,
    reason="needs the right to hide a folder from a process",
)
def test_a_node_without_the_data_is_sent_them_and_sends_back_what_it_makes(tmp_path):
    """It sees neither the suite's folder nor the driver's cache; an ensemble needs its probabilities."""
    work = tmp_path / "work"
    work.mkdir()
    draw = np.random.default_rng(0)
    np.save(work / "images.npy", draw.integers(0, 255, (60_000, 12, 12), dtype=np.uint8))
    np.save(work / "labels.npy", np.arange(60_000) % 10)
    text = SUITE.replace("epochs = 2", "epochs = 10").replace("[defaults]", DATA)
    (work / "s.toml").write_text(text + FINALISTS)
    variables = {"HARNESS_CACHE_DIR": str(work / "cache")}
    harness("run", "s.toml", "--jobs", "2", "--out", "local", cwd=work, **variables)
    with cluster(tmp_path / "nodes") as nodes:
        hide = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none "{work}" && exec "$@"', "sh"]
        nodes.start_worker("apart", prefix=hide, HARNESS_CACHE_DIR=str(tmp_path / "its cache"))
        command = ("run", "s.toml", "--cluster", nodes.address, "--checkpoint", "0.1s", "--out", "spread")
        output = harness(*command, cwd=work, **variables)
    assert output.count("node apart: files was sent, 9.1 MB") == 1
    assert differences(content(work / "local"), content(work / "spread")) == []
    assert "train A seed 1 on numpy" in next(Path(work / "spread").glob("trials/A/*1*/log.txt")).read_text()


def test_a_tiny_suite_is_planned_and_rehearsed_on_nodes(tmp_path):
    """``plan`` with ``--probe`` and ``--smoke``."""
    (tmp_path / "tiny.toml").write_text(TINY)
    output = harness("plan", "tiny.toml", "--cluster", "local:1", "--probe", "--smoke", cwd=tmp_path)
    assert "node local-1: 1 trial at a time, cpu" in output
    assert output.count("works") == 3
