"""Benchmarks: what a run measures, and of which cases."""

# ruff: noqa: D102 - the contract says what a recording network and backend are asked

from dataclasses import replace
from importlib.metadata import distribution as installed

import numpy as np
import pytest

from harness import bench
from harness.bench import rounds
from harness.bench.cases import synthetic
from harness.bench.storage import stored
from harness.errors import HarnessError, TrialError
from harness.interfaces import INTERFACE_VERSION, EpochStats
from harness.plugins.loading import load
from tests.measurements import bench_case, shipped


class RecordingNetwork:
    """Does nothing, and notes the order in which it is asked to."""

    placement = "resident"

    def __init__(self, spec, log):
        self._spec = spec
        self._log = log

    def attach(self, images, labels):
        self._log.append(("attach", images.shape, labels.shape))

    def train_epoch(self, epoch, order, learning_rate):
        self._log.append(("train", epoch, len(order), len(np.unique(order)), learning_rate))
        edges = [*range(0, len(order), self._spec.batch_size), len(order)]
        return EpochStats(np.zeros(len(edges) - 1), np.diff(edges), 0)

    def predict(self, rows):
        self._log.append(("predict", len(rows)))
        return np.full((len(rows), self._spec.classes), -np.log(self._spec.classes), dtype=np.float32)

    def synchronize(self):
        self._log.append(("synchronize",))

    def close(self):
        self._log.append(("close",))


class RecordingBackend:
    """An accelerator, to all appearances."""

    interface = INTERFACE_VERSION

    def __init__(self, log):
        self.log = log

    def unavailable(self, device):
        return None if device in {"auto", "x:0"} else f"runs on 'x' alone, not on {device!r}"

    def unsupported(self, spec, _optimizer):
        return ["dropout"] if len(spec.layers) > 7 else []

    def devices(self, _device):
        return ["x:0"]

    def environment(self, device):
        return {"device": f"Accelerator {device}", "x_driver": "7.1", "blas": "xblas 3"}

    def build(self, spec, _initial, _optimizer, context):
        self.log.append(("build", context.device, context.threads))
        return RecordingNetwork(spec, self.log)


@pytest.fixture
def log():
    """Return what the recording backend notes."""
    return []


@pytest.fixture
def plugins(log):
    """Return the built-in components with the recording backend, as ``x``, beside them."""
    registry_of_ours = load(installed("nn-harness").entry_points.select(group="harness"))
    recording = replace(registry_of_ours.find("backend", "numpy"), name="x", target=lambda: RecordingBackend(log))
    return replace(registry_of_ours, components=(*registry_of_ours.components, recording))


@pytest.mark.parametrize("work", bench.WORKS)
def test_a_run_is_the_work_and_the_wait_for_it(log, plugins, work, monkeypatch):
    """Built and attached once, warmed up before the first run; every run ends with the device.

    How often an accelerator repeats the work, to fill a run, is `test_bench_pace`'s matter.
    """
    monkeypatch.setattr("harness.bench.prepared.repeats", lambda _run: 1)
    with bench.prepare(bench_case("x", "M0", work, threads=2, rows=1100), plugins) as ready:
        assert log[:2] == [("build", "x:0", 2), ("attach", (1100, 28, 28), (1100,))]
        done = [("train", 0, 1100, 1100, 0.001) if work == "train" else ("predict", 1100), ("synchronize",)]
        assert log[2:] == done
        assert ready.samples == 1100
        ready.run()
        assert [entry[0] for entry in log[4:]] == [work, "synchronize"]
    assert log[-1] == ("close",)


def test_a_measurement_tells_its_circumstances(log, plugins):
    """Device, driver, kernel, threads: what pytest-benchmark's JSON carries."""
    with bench.prepare(bench_case("x", "M0", "train", rows=600), plugins) as ready:
        described = ready.measured([0.5, 0.25, 1.0]).described()
    assert log
    assert described["device"] == "Accelerator x:0"
    assert described["driver"] == "7.1"
    assert described["kernel"] == "xblas 3"
    assert described["threads"] == 1
    assert described["network"] == "M0"
    assert described["provenance"].startswith("nn-harness ")
    assert described["samples_per_second"] == 1200
    assert described["spread"] == pytest.approx((0.75 - 0.375) / 2 / 0.5)
    assert described["environment"]["placement"] == "resident"
    assert described["environment"]["processor"]


@pytest.mark.parametrize(
    ("work", "returned", "message"),
    [
        ("train", EpochStats(np.zeros(1), np.array([1100]), 0), r"the backend's epoch has losses \(1,\) and 1100 rows"),
        (
            "predict",
            np.zeros((1100, 47), dtype=np.float32),
            "probabilities of row 0 of 1,100 sum to 47; ",
        ),
    ],
)
def test_what_is_fast_and_wrong_is_not_measured(log, plugins, monkeypatch, work, returned, message):
    """The last warm-up's result is verified, outside the clock."""
    method = {"train": "train_epoch", "predict": "predict"}[work]
    monkeypatch.setattr(RecordingNetwork, method, lambda *_: returned)
    with pytest.raises(TrialError, match=message):
        bench.prepare(bench_case("x", "M0", work, rows=1100), plugins)
    assert log[-1] == ("close",)


def test_what_is_handed_out_is_read_only(log, plugins, monkeypatch):
    """Images, labels, orders and rows: a write would change what later runs are given."""
    arrays = []
    for method, keep in (("attach", slice(0, 2)), ("train_epoch", slice(1, 2))):
        inner = getattr(RecordingNetwork, method)

        def noting(self, *arguments, inner=inner, keep=keep):
            arrays.extend(arguments[keep])
            return inner(self, *arguments)

        monkeypatch.setattr(RecordingNetwork, method, noting)
    bench.prepare(bench_case("x", "M0", "train", rows=1100), plugins).close()
    assert log
    assert len(arrays) >= 3
    assert not any(array.flags.writeable for array in arrays)


def test_a_network_that_fails_to_start_is_closed(log, plugins, monkeypatch):
    """No device memory stays behind."""
    monkeypatch.setattr(RecordingNetwork, "train_epoch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench.prepare(bench_case("x", "M0", "train", rows=600), plugins)
    assert log[-1] == ("close",)


def test_images_are_the_same_everywhere():
    """Equal draws, every class, uint8."""
    data = synthetic(600)
    synthetic.cache_clear()
    again = synthetic(600)
    np.testing.assert_array_equal(data.features, again.features)
    np.testing.assert_array_equal(data.labels, again.labels)
    assert data.features.dtype == np.uint8
    assert set(data.labels) == set(range(47))


@pytest.mark.parametrize("rows", [47, 102, 512])
def test_few_images_are_of_every_class(plugins, rows):
    """Drawn labels would leave one out, and a set that lacks a class is refused."""
    with stored(rows) as images:
        assert np.bincount(images.dataset.open().labels, minlength=47).min() == rows // 47
    cases = bench.chosen(plugins, shipped().usual, peers=["none"], works=["evaluate", "perturb"], rows=rows)
    assert {case.rows for case in cases} == {max(47, rows // 5)}


def test_cores_are_used_as_threads_and_as_processes():
    """All cores are the threads of one process, then a process each: any number, whatever this machine has."""
    assert bench.placements(None, None, 2) == [bench.Placement(1, 2), bench.Placement(2, 1)]
    assert bench.placements(None, None, 1) == [bench.Placement(1, 1)]
    assert bench.placements(None, 3) == [bench.Placement(1, 3)]


def test_rounds_are_interleaved_and_change_direction():
    """A drift falls on all alike."""
    order = []
    seconds = rounds.interleaved([lambda name=name: order.append(name) or 1.0 for name in "abc"], 3)
    assert "".join(order) == "abccbaabc"
    assert [len(times) for times in seconds] == [3, 3, 3]


def test_unknown_names_are_refused(plugins):
    """With the nearest known."""
    networks = shipped().usual
    with pytest.raises(HarnessError, match=r"^unknown network 'M1'\. Did you mean 'M1h'\? Known: M0, M1a, .*, M3b\.$"):
        shipped().named(["M1"])
    with pytest.raises(HarnessError, match=r"unknown backend 'nunpy'\. Did you mean 'numpy'"):
        bench.cases_for(plugins, networks, ["nunpy"])
    with pytest.raises(HarnessError, match=r"unknown precision 'float16'\. Did you mean 'bfloat16'"):
        bench.cases_for(plugins, networks, precisions=["float16"])
    with pytest.raises(HarnessError, match=r"unknown work 'training'\. Did you mean 'train'"):
        bench.chosen(plugins, networks, works=["training"])
    with pytest.raises(HarnessError, match=r"unknown peer 'sklearn'\. Did you mean 'sklearn-mlp'"):
        bench.chosen(plugins, networks, peers=["sklearn"])
    with pytest.raises(HarnessError, match="numpy M0 train: numpy runs on the CPU alone, not on 'cuda'"):
        bench.prepare(bench_case("numpy", "M0", "train", device="cuda"), plugins)
