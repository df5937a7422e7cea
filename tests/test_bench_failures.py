"""What a backend does to the benchmarks when it hangs or raises: it costs its own case, or its own noise floor."""

import json

import pytest

from harness import bench
from tests.command_line import module
from tests.measurements import bench_case
from tests.plugins_on_disk import distribution
from tests.test_children import running

pytestmark = pytest.mark.slow  # every case starts processes that load their libraries

FAULTY = """
import os
import time
from pathlib import Path

import harness
import numpy as np
from harness.interfaces import EpochStats
from harness_array.backends import NumpyBackend


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Network:
    placement = "stream"

    def __init__(self, spec):
        self.spec, self.calls = spec, 0

    def attach(self, images, labels):
        pass

    def predict(self, rows):
        raise OddError("this", "that")

    def train_epoch(self, epoch, order, learning_rate):
        self.calls += 1
        if self.calls > 1:
            time.sleep(600)
        edges = [*range(0, len(order), self.spec.batch_size), len(order)]
        return EpochStats(np.zeros(len(edges) - 1), np.diff(edges), 0)

    def synchronize(self):
        pass

    def close(self):
        pass


class Faulty(NumpyBackend):
    def build(self, spec, initial, optimizer, context):
        if "STARTED" in os.environ:
            Path(os.environ["STARTED"], f"{os.getpid()}.pid").touch()
        if len(spec.layers) > 7:
            time.sleep(600)
        return Network(spec)


class Raising(Faulty):
    def build(self, spec, initial, optimizer, context):
        raise OddError("this", "that")


@harness.hookimpl
def register_backends(register):
    register("faulty", Faulty)
    register("a-raising", Raising)
"""


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """Install a plugin for the processes that measure; return the folder that has it."""
    folder = distribution(tmp_path, "faulty-bench", "2.0", {"faulty": FAULTY}, {"faulty": "faulty"})
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.usefixtures("faulty")
def test_a_case_that_hangs_costs_itself_alone(tmp_path, monkeypatch):
    """In its start or in a run; its processes are ended, and the others are measured."""
    monkeypatch.setenv("STARTED", str(tmp_path))
    cases = [
        bench_case("faulty", "M3b", "train", rows=600),
        bench_case("faulty", "M0", "train", rows=600, processes=2),
        bench_case("numpy", "M0", "train", rows=600),
    ]
    measured = bench.measure(cases, 2, timeout=10)
    assert {case.title: why for case, why in measured.failed.items()} == {
        "faulty M3b train": "took longer than 10 s",
        "faulty M0 train, 2 processes": "took longer than 10 s",
    }
    assert [measurement.title for measurement in measured.measurements] == ["numpy M0 train"]
    assert len(measured.measurements[0].seconds) == 2
    started = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert started
    assert not any(map(running, started))


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (bench_case("faulty", "M0", "predict", rows=600), "OddError: this and that"),
        (bench_case("faulty", "M0", "train", rows=600), "took longer than 10 s"),
    ],
)
def test_a_calibration_that_fails_says_why(case, reason):
    """In one line, whatever the exception is made of."""
    with pytest.raises(bench.FailedError) as caught:
        bench.calibrate(case, 2, processes=2, timeout=10)
    assert str(caught.value) == reason


def test_the_other_backends_are_calibrated_all_the_same(faulty, tmp_path):
    """One that raises is a line with its reason, without a traceback, and exit code 1."""
    output = module(
        *("harness", "bench", "--calibrate", "--network", "M0", "--rows", "600", "--rounds", "2", "--invocations", "1"),
        *("--backend", "a-raising", "--backend", "numpy"),
        cwd=tmp_path, code=1, PYTHONPATH=faulty, HARNESS_CACHE_DIR=str(tmp_path / "cache"),
    )  # fmt: skip
    assert "a-raising (M0): failed: OddError: this and that\n" in output
    assert "Traceback" not in output
    kept = json.loads((tmp_path / "cache" / "noise.json").read_text())
    assert [calibration["backend"] for calibration in kept.values()] == ["numpy"]
