"""`harness.bench.measure`: fresh processes, which start as workers do, run at the same moment, and fail alone."""

import os
import subprocess
import sys

import pytest

from harness import bench
from harness.machine import contention
from harness.plugins.loading import registry
from tests.measurements import bench_case, shipped
from tests.plugins_on_disk import distribution
from tests.test_children import running

pytestmark = pytest.mark.slow  # every case starts processes that load their libraries

THEIRS = """
import os
import subprocess
import sys
import time
from pathlib import Path

import harness
import numpy as np
from harness.interfaces import EpochStats
from harness_array.backends import NumpyBackend

ODD = bytearray()
SHOWN = ("THEIR_MARK", "GLIBC_TUNABLES")
STARTED = {key: value for key, value in os.environ.items() if key.endswith("_THREADS") or key in SHOWN}


class Network:
    placement = "stream"

    def __init__(self, network, rows):
        self.network, self.rows, self.calls = network, rows, 0

    def attach(self, images, labels):
        self.images = images
        Path(os.environ.get("ATTACHED", os.devnull)).write_text(str(images.shape))

    def train_epoch(self, epoch=0, order=(), learning_rate=0.0):
        self.calls += 1
        if len(self.network.layers) > 7:
            os._exit(7)
        time.sleep(0.2)
        edges = [*range(0, len(order), self.network.batch_size), len(order)]
        return EpochStats(np.zeros(len(edges) - 1), np.diff(edges), 0)

    def predict(self, rows):
        self.calls += 1
        if self.calls == 2:
            raise MemoryError("no" + chr(10) + "more")
        return np.full((len(rows), self.network.classes), -np.log(self.network.classes), dtype=np.float32)

    def synchronize(self):
        pass

    def close(self):
        pass


class Theirs(NumpyBackend):
    interface = 2

    def environment(self, device):
        return STARTED | {"device": "cpu", "blas": "theirs", "pid": str(os.getpid())}

    def build(self, spec, initial, optimizer, context):
        time.sleep(0.3)
        ODD.extend(np.ones(60_000_000, dtype=np.uint8))
        return Network(spec, 0)


class Peer:
    title = "their library"
    reference = True
    precision = "float32"

    def unavailable(self, device):
        return None

    def unsupported(self, spec):
        return ["dropout"] if len(spec.layers) > 7 else []

    def environment(self, device):
        return STARTED | {"device": "cpu", "blas": "theirs", "pid": str(os.getpid())}

    def build(self, spec, learning_rate, context):
        network = Network(spec, 0)
        train = network.train_epoch
        network.train_epoch = lambda: train()
        return network


class Nowhere(NumpyBackend):
    interface = 2

    def unavailable(self, device):
        with Path(os.environ["ASKED"]).open("a") as file:
            file.write("asked ")
        return "needs another machine"


@harness.hookimpl
def register_backends(register):
    register("theirs", Theirs)
    register("nowhere", Nowhere)


@harness.hookimpl
def register_peers(register):
    register("their-peer", Peer)
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """Install a plugin for the processes that measure: they inherit the path."""
    monkeypatch.syspath_prepend(distribution(tmp_path, "their-bench", "2.0", {"theirs": THEIRS}, {"theirs": "theirs"}))


def by_title(measured):
    return {measurement.title: measurement for measurement in measured.measurements}


@pytest.mark.usefixtures("theirs")
def test_processes_of_a_case_run_at_the_same_moment():
    """Two that each take 0.2 s take 0.2 s together, and their samples are counted together."""
    measured = bench.measure([bench_case("theirs", "M0", "train", rows=600, processes=2)], 3)
    (measurement,) = measured.measurements
    assert measurement.title == "theirs M0 train, 2 processes"
    assert measurement.provenance == "their-bench 2.0"
    assert len(measurement.seconds) == 3
    assert min(measurement.seconds) >= 0.2
    assert measurement.median_seconds < 0.39
    assert measurement.samples_per_second == pytest.approx(1200 / measurement.median_seconds)
    assert not running(int(measurement.environment["pid"]))


@pytest.mark.usefixtures("theirs")
def test_start_and_memory_are_of_the_process_itself():
    """From its start until the network is built; mapped images are not its memory."""
    rows = 60_000  # 47 MB of images
    measured = bench.measure([bench_case("theirs", "M0", "train", rows=rows)], 1)
    (measurement,) = measured.measurements
    assert len(measurement.startup_seconds) == 1
    assert measurement.startup_seconds[0] > 0.3
    if measurement.peak_anonymous_bytes is not None:
        assert 60e6 < measurement.peak_anonymous_bytes < 60e6 + 80e6  # 50 MB are Python's and NumPy's: no images
    assert measured.caching_seconds > 0


@pytest.mark.usefixtures("theirs")
def test_every_process_is_fresh_and_has_the_environment_it_would_have(monkeypatch):
    """Threads are settled before a library loads; a peer has none of what harness puts into the environment."""
    for variable in ("GLIBC_TUNABLES", "HARNESS_NO_TUNE"):
        monkeypatch.delenv(variable, raising=False)
    plain = dict(os.environ)
    monkeypatch.setenv("THEIR_MARK", "tuned")
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    cases = [
        bench_case("theirs", "M0", "train", rows=600, threads=2),
        bench_case("their-peer", "M0", "train", rows=600, threads=2, kind="peer"),
    ]
    measured = by_title(bench.measure(cases, 1, plain=plain))
    backend, peer = measured["theirs M0 train"], measured["their-peer M0 train"]
    assert backend.environment["THEIR_MARK"] == "tuned"
    assert backend.environment["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    assert not {"THEIR_MARK", "GLIBC_TUNABLES"} & set(peer.environment)
    for measurement in (backend, peer):
        assert measurement.environment["OMP_NUM_THREADS"] == measurement.environment["OPENBLAS_NUM_THREADS"] == "2"
    assert len({backend.environment["pid"], peer.environment["pid"], str(os.getpid())}) == 3
    assert (peer.label, peer.reference, backend.reference) == ("their library", True, False)
    assert os.environ["OMP_NUM_THREADS"] == "9"


@pytest.mark.usefixtures("theirs")
def test_one_failing_case_costs_itself_alone(monkeypatch, tmp_path):
    """One raises in its second run, one dies, one is unavailable, one has no way to do it; the last is measured."""
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    cases = [
        bench_case("theirs", "M0", "predict", rows=600),
        bench_case("theirs", "M3b", "train", rows=600),
        bench_case("nowhere", "M0", "train", rows=600),
        bench_case("nowhere", "M1g", "train", rows=600),
        bench_case("their-peer", "M3b", "train", rows=600, kind="peer"),
        bench_case("theirs", "M1g", "train", rows=600),
    ]
    measured = bench.measure(cases, 2)
    assert list(by_title(measured)) == ["theirs M1g train"]
    assert {case.title: why for case, why in measured.failed.items()} == {
        "theirs M0 predict": "MemoryError: no more",
        "theirs M3b train": "its process died (exit code 7)",
    }
    assert {case.title: why for case, why in measured.unavailable.items()} == {
        "nowhere M0 train": "needs another machine",
        "nowhere M1g train": "needs another machine",
        "their-peer M3b train": "their library has no dropout",
    }
    assert (tmp_path / "asked").read_text().count("asked") == 2  # by the first case alone: once more for the reason


def test_the_products_of_a_library_are_measured_with_each_of_its_kernels():
    """Its own choice, then every other that the processor can run; the operations are those of the products."""
    measured = by_title(bench.measure([bench_case("numpy", "M0", "products", rows=1000)], 2))
    own = measured.pop("numpy M0 products")
    assert own.rows == 1024  # whole steps
    weights = 784 * 128 + 128 * 64 + 64 * 47
    assert own.operations == pytest.approx(6 * weights - 2 * 784 * 128)
    if not own.machine.blas.startswith("openblas"):
        assert not measured
    for measurement in measured.values():
        assert measurement.variant
        assert measurement.title == f"numpy M0 products ({measurement.variant})"
    if "numpy M0 products (Haswell)" in measured:
        assert measured["numpy M0 products (Haswell)"].machine.blas.endswith("Haswell")


def test_evaluation_perturbations_and_loading_are_cases_too():
    """Seconds of each; an evaluation is clean and five levels of a perturbation a family, a perturbation its five."""
    cases = bench.chosen(
        registry(), shipped().named(["M0"]), backends=["numpy"], works=["evaluate", "perturb", "load"], rows=300
    )
    families = {"brightness", "defocus_blur", "elastic", "fog", "gaussian_noise", "jpeg"}
    assert families <= set(cases[0].perturbations)
    few = [case for case in cases if case.work != "perturb" or case.backend in {"gaussian_noise", "rotation"}]
    assert len(few) < len(cases)
    measured = by_title(bench.measure(few, 1))
    perturbations = ["gaussian_noise perturb", "rotation perturb"]
    assert list(measured) == ["numpy M0 evaluate", *perturbations, "cache load"]
    conditions = 1 + 5 * len(cases[0].perturbations)
    assert [measurement.conditions for measurement in measured.values()] == [conditions, 5, 5, 1]
    assert [measurement.rows for measurement in measured.values()] == [60, 60, 60, 300]


def test_a_precision_that_is_not_here_is_unavailable():
    """And one that is reaches the network's context."""
    assert bench_case("numpy", "M0", "train", precision="float64").context("cpu").precision == "float64"
    measured = bench.measure([bench_case("numpy", "M0", "train", rows=600, precision="bfloat16")], 1)
    assert list(measured.unavailable.values()) == ["numpy cannot honour precision 'bfloat16'"]


@pytest.mark.usefixtures("theirs")
def test_a_case_has_its_own_rows_of_the_common_images(monkeypatch, tmp_path):
    """However many another case has."""
    monkeypatch.setenv("ATTACHED", str(tmp_path / "attached"))
    cases = [
        bench_case("cache", "", "load", rows=2000, kind="dataset"),
        bench_case("their-peer", "M0", "train", rows=600, kind="peer"),
    ]
    measured = bench.measure(cases, 1)
    assert [measurement.rows for measurement in measured.measurements] == [2000, 600]
    assert (tmp_path / "attached").read_text() == "(600, 28, 28)"


BUSY = "while True: pass"


@pytest.mark.skipif(contention.busy() is None, reason="this system does not tell how busy its cores are")
@pytest.mark.usefixtures("theirs")
def test_what_others_do_meanwhile_is_noted():
    """Two processes that never rest, while a case sleeps: they have as much of its core as a machine gives them."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    try:
        (measurement,) = bench.measure([bench_case("theirs", "M0", "train", rows=600)], 3).measurements
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert measurement.others > 0.7
