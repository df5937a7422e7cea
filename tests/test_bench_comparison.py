"""What counts as noise, and what is said of a difference."""

from dataclasses import replace

import numpy as np
import pytest

from harness import bench
from harness.bench import noise
from harness.bench.tables import shown
from harness.errors import HarnessError
from tests.measurements import MACHINE, bench_case, measurement
from tests.test_bench_standings import texts


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


@pytest.mark.slow
def test_calibration_measures_in_fresh_processes():
    """Half of them for either side; the machine is the one that the case ran on."""
    found = bench.calibrate(bench_case("numpy", "M0", "predict", rows=512), 2, processes=2)
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


@pytest.mark.parametrize("side", ["now", "baseline"])
def test_a_disturbed_measurement_gets_no_verdict(side):
    """Whichever it was: what others did with the cores is not what the case does."""
    quiet = {"now": measurement([2.0] * 3), "baseline": measurement([1.0] * 3)}
    sides = quiet | {side: replace(quiet[side], waited=0.4, others=0.4)}
    (found,) = bench.compare([sides["now"]], [sides["baseline"]], FLOORS)
    assert found.disturbed
    assert found.verdict == "no verdict (disturbed)"
    (found,) = bench.compare([quiet["now"]], [quiet["baseline"]], FLOORS)
    assert not found.disturbed


def test_one_run_has_no_spread():
    """It is not a spread of 0: the margin is the machine's alone, and tables say nothing."""
    alone = measurement([1.06])
    assert alone.spread is None
    (found,) = bench.compare([alone], [measurement([1.0])], FLOORS)
    assert found.margin == 0.05
    assert found.verdict == "slower"
    training, predicting = shown([alone, measurement([1.0, 1.0]), replace(alone, work="predict")])[:2]
    assert [line[2:4] for line in texts(training)] == [["1,000", "0.0%"], ["943", "–"]]
    assert texts(predicting) == [["numpy", "1 × 1", "943 ±–"]]


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
