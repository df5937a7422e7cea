"""Benchmarks: what a run measures, what counts as noise, and what is said of a difference."""

# ruff: noqa: D102 - the contract says what a recording network and backend are asked

import json
from dataclasses import replace
from importlib.metadata import distribution as installed

import numpy as np
import pytest

from harness import bench
from harness.bench import noise, rounds
from harness.bench.cases import synthetic
from harness.errors import HarnessError
from harness.interfaces import INTERFACE_VERSION, EpochStats
from harness.plugins import load

MACHINE = bench.Machine("a processor", "8", "a device", "a blas")


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
        return EpochStats(np.zeros(1), np.array([len(order)]), 0)

    def predict(self, rows):
        self._log.append(("predict", len(rows)))
        return np.zeros((len(rows), self._spec.classes), dtype=np.float32)

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
def log(monkeypatch):
    """Install the recording backend, as ``x``, beside the built-in components; return what it notes."""
    noted = []
    found = load(installed("nn-harness").entry_points.select(group="harness"))
    one = replace(found.find("backend", "numpy"), name="x", target=lambda: RecordingBackend(noted))
    plugins = replace(found, components=(*found.components, one))
    for module in ("harness.bench.cases", "harness.bench.prepared", "harness.jobs", "harness.probing"):
        monkeypatch.setattr(f"{module}.registry", lambda: plugins)
    return noted


def measurement(seconds, *, backend="numpy", machine=MACHINE, rows=1000, threads=1, **environment):
    return bench.Measurement(
        backend, "M0", "train", "nn-harness 1", rows, threads, machine, environment, tuple(seconds)
    )


@pytest.mark.parametrize("work", bench.WORKS)
def test_a_run_is_the_work_and_the_wait_for_it(log, work):
    """Built and attached once, warmed up before the first run; every run ends with the device."""
    with bench.prepare(bench.Case("x", "M0", work, threads=2, rows=1100)) as ready:
        assert log[:2] == [("build", "x:0", 2), ("attach", (1100, 28, 28), (1100,))]
        done = [("train", 0, 1100, 1100, 0.001) if work == "train" else ("predict", 1100), ("synchronize",)]
        assert log[2:] == done
        assert ready.samples == 1100
        ready.run()
        assert [entry[0] for entry in log[4:]] == [work, "synchronize"]
    assert log[-1] == ("close",)


def test_a_measurement_tells_its_circumstances(log):
    """Device, driver, kernel, threads: what pytest-benchmark's JSON carries."""
    with bench.prepare(bench.Case("x", "M0", "train", rows=600)) as ready:
        told = ready.measured([0.5, 0.25, 1.0]).described()
    assert log
    assert told["device"] == "Accelerator x:0"
    assert told["driver"] == "7.1"
    assert told["kernel"] == "xblas 3"
    assert told["threads"] == 1
    assert told["network"] == "M0"
    assert told["provenance"].startswith("nn-harness ")
    assert told["samples_per_second"] == 1200
    assert told["spread"] == pytest.approx((0.75 - 0.375) / 2 / 0.5)
    assert told["environment"]["placement"] == "resident"
    assert told["environment"]["processor"]


def test_a_network_that_fails_to_start_is_closed(log, monkeypatch):
    """No device memory stays behind."""
    monkeypatch.setattr(RecordingNetwork, "train_epoch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench.prepare(bench.Case("x", "M0", "train", rows=600))
    assert log[-1] == ("close",)


def test_images_are_the_same_everywhere():
    """Equal draws, every class, uint8."""
    data = synthetic(600)
    synthetic.cache_clear()
    again = synthetic(600)
    np.testing.assert_array_equal(data.images, again.images)
    np.testing.assert_array_equal(data.labels, again.labels)
    assert data.images.dtype == np.uint8
    assert set(data.labels) == set(range(47))


def test_rounds_are_interleaved_and_change_direction():
    """A drift falls on all alike."""
    order = []
    seconds = rounds.interleaved([rounds.timed(lambda name=name: order.append(name)) for name in "abc"], 3)
    assert "".join(order) == "abccbaabc"
    assert [len(one) for one in seconds] == [3, 3, 3]


def test_unknown_names_are_refused():
    """With the nearest known."""
    with pytest.raises(HarnessError, match=r"^unknown network 'M1'\. Did you mean 'M1g'\? Known: M0, M1g, M2, M3b\.$"):
        bench.cases_for(networks=["M1"])
    with pytest.raises(HarnessError, match=r"unknown backend 'nunpy'\. Did you mean 'numpy'"):
        bench.cases_for(["nunpy"])
    with pytest.raises(HarnessError, match=r"unknown precision 'float16'\. Did you mean 'bfloat16'"):
        bench.cases_for(precisions=["float16"])
    with pytest.raises(HarnessError, match=r"unknown work 'training'\. Did you mean 'train'"):
        bench.chosen(works=["training"])
    with pytest.raises(HarnessError, match=r"unknown peer 'sklearn'\. Did you mean 'sklearn-mlp'"):
        bench.chosen(peers=["sklearn"])
    with pytest.raises(HarnessError, match="numpy M0 train: numpy runs on the CPU alone, not on 'cuda'"):
        bench.prepare(bench.Case("numpy", "M0", "train", device="cuda"))


def test_noise_floor_covers_most_pairs_of_equal_runs():
    """Every run of one side with each of the other: a level that moves between the sides is noise too."""
    assert noise.floor_of([1.0] * 4, [1.0] * 4) == 0.0
    assert noise.floor_of([1.0, 1.0], [1.1, 1.1]) == pytest.approx(0.1)
    assert noise.floor_of([1.1, 1.1], [1.0, 1.0]) == pytest.approx(0.1)
    draw = np.random.default_rng(0)
    one, other = np.exp(0.02 * draw.standard_normal((2, 2000)))
    # The difference of two normal deviates: 1.96 standard deviations of 0.02 √2.
    assert noise.floor_of(one, other) == pytest.approx(np.expm1(1.96 * 0.02 * np.sqrt(2)), rel=0.05)


def test_noise_floors_are_kept_by_machine_and_backend(monkeypatch, tmp_path):
    """A new calibration replaces its own; a damaged file counts as none."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    assert bench.floors() == {}
    other = replace(MACHINE, device="another")
    for machine, backend, floor in ((MACHINE, "x", 0.1), (other, "x", 0.2), (MACHINE, "y", 0.3), (MACHINE, "x", 0.4)):
        path = bench.keep(bench.NoiseFloor(machine, backend, floor, f"{backend} M0 train", 5, 8))
    assert path == tmp_path / "noise.json"
    found = {(one.machine, one.backend): one.floor for one in bench.floors().values()}
    assert found == {(MACHINE, "x"): 0.4, (other, "x"): 0.2, (MACHINE, "y"): 0.3}
    path.write_text("{")
    assert bench.floors() == {}


def test_calibration_measures_in_fresh_processes():
    """Half of them for either side; the machine is the one that the case ran on."""
    found = bench.calibrate(bench.Case("numpy", "M0", "predict", rows=512), 2, processes=2)
    assert 0 <= found.floor < 100
    assert found.machine.device == "cpu"
    assert (found.rounds, found.processes) == (2, 2)


FLOOR = bench.NoiseFloor(MACHINE, "numpy", 0.05, "numpy M0 train", 5, 8)
FLOORS = {FLOOR.key: FLOOR}


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (1.0, "within the noise"),
        (1.049, "within the noise"),
        (1 / 1.049, "within the noise"),
        (1.06, "slower"),
        (1 / 1.06, "faster"),
    ],
)
def test_a_verdict_needs_more_than_the_noise(now, verdict):
    """Both directions alike: a ratio r and 1 / r deviate equally."""
    (found,) = bench.compare([measurement([now] * 3)], [measurement([1.0] * 3)], FLOORS)
    assert found.verdict == verdict
    assert found.ratio == pytest.approx(1 / now)
    assert found.margin == 0.05


def test_a_spread_larger_than_the_floor_is_the_margin():
    """A machine that is busy now is noisier than when it was calibrated."""
    (found,) = bench.compare([measurement([1.0, 1.2, 1.4])], [measurement([1.0] * 3)], FLOORS)
    assert found.margin == pytest.approx(0.1 / 1.2)
    assert found.verdict == "slower"
    (found,) = bench.compare([measurement([0.8, 1.2, 1.6])], [measurement([1.0] * 3)], FLOORS)
    assert found.margin == pytest.approx(0.2 / 1.2)


def test_without_a_calibration_there_is_no_verdict():
    """However large the difference."""
    (found,) = bench.compare([measurement([9.0])], [measurement([1.0])], {"another": FLOOR})
    assert found.verdict == "no verdict"
    assert found.margin is None


def test_what_changed_since_is_said():
    """A library's version is not another machine, but worth knowing."""
    before, now = measurement([1.0], numpy="2.3", gone="1"), measurement([1.0], numpy="2.4")
    (found,) = bench.compare([now], [before], FLOORS)
    assert found.changes == ("gone 1 -> none", "numpy 2.3 -> 2.4")


def test_what_is_not_comparable_is_refused():
    """Another machine, other rows or threads, nothing in common."""
    here = [measurement([1.0])]
    elsewhere = measurement([1.0], machine=replace(MACHINE, device="cpu", blas="b"))
    said = "numpy M0 train: measured on another machine: device 'cpu', not 'a device'; blas 'b', not 'a blas' as here"
    for other, message in [
        (elsewhere, said),
        (measurement([1.0], rows=5), "numpy M0 train: measured with --rows 5, here with 1000: not comparable"),
        (measurement([1.0], threads=4), "measured with --threads 4, here with 1: not comparable"),
        (measurement([1.0], backend="x"), "no case in common: it has x M0 train; measured now: numpy M0 train"),
    ]:
        with pytest.raises(HarnessError, match=message):
            bench.compare(here, [other], FLOORS)


def test_a_file_gives_back_what_was_saved(tmp_path):
    """To the last bit."""
    measurements = [
        measurement([0.1, 1 / 3], numpy="2"),
        replace(measurement([3.0], backend="x"), processes=2, startup_seconds=(0.1, 0.2), waited=1 / 3, label="X"),
    ]
    path = tmp_path / "file.json"
    bench.save(path, measurements)
    assert bench.read(path) == measurements


def test_a_file_of_an_earlier_harness_is_read(tmp_path):
    """It knew neither peers nor several processes."""
    path = tmp_path / "file.json"
    bench.save(path, [measurement([0.5])])
    content = json.loads(path.read_text())
    known = ("backend", "network", "work", "provenance", "rows", "threads", "machine", "environment", "seconds")
    content["measurements"] = [{key: one[key] for key in known} for one in content["measurements"]]
    path.write_text(json.dumps(content))
    assert bench.read(path) == [measurement([0.5])]


def test_a_file_without_its_folder_is_refused(tmp_path):
    """No folder is made: a slip of the keyboard would leave one."""
    path = tmp_path / "nope" / "x.json"
    with pytest.raises(HarnessError) as caught:
        bench.save(path, [measurement([1.0])])
    assert str(caught.value) == (
        f"{path}: there is no folder {path.parent}. Make it first (mkdir -p {path.parent}), or name another place"
    )
    assert not path.parent.exists()
    with pytest.raises(HarnessError, match=r"is a folder\. Name a file in it: .*bench\.json"):
        bench.check_place(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "neither what 'harness bench --save' nor what 'pytest tests/benchmark --benchmark-json' writes: JSONDec"),
        ("[]", "neither what .* writes: TypeError"),
        ("{}", "neither what .* writes: KeyError: 'version'"),
        ('{"version": 9}', r"version 9 of the format, not 1\. Measure anew"),
        ('{"version": 1, "measurements": [{"rows": 1}]}', "neither what .* writes: 0.backend: Field required"),
        ('{"benchmarks": [{"extra_info": {}, "stats": {}}]}', "neither what .* writes: KeyError: 'data'"),
        ('{"benchmarks": []}', "holds no measurement"),
    ],
)
def test_a_faulty_file_is_one_line(tmp_path, content, message):
    """Where, what, and what would do."""
    path = tmp_path / "base.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(HarnessError, match=message) as caught:
        bench.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_seconds_that_are_none_are_refused(tmp_path):
    """A file that somebody edited."""
    path = tmp_path / "base.json"
    bench.save(path, [measurement([1.0])])
    path.write_text(path.read_text().replace("1.0", "0.0"))
    with pytest.raises(HarnessError, match="at least one, all above 0"):
        bench.read(path)
