"""What counts as noise, and what is said of a difference."""

from dataclasses import replace

import pytest

from harness import bench
from harness.bench.tables import shown
from harness.errors import HarnessError
from tests.measurements import MACHINE, calibration, measurement
from tests.test_bench_standings import texts

CALIBRATION = calibration(0.01)
CALIBRATIONS = {CALIBRATION.key: CALIBRATION}


@pytest.mark.parametrize("side", ["now", "baseline"])
def test_a_disturbed_measurement_gets_no_verdict(side):
    """Whichever it was: what others did with the cores is not what the case does."""
    quiet = {"now": measurement([2.0] * 3), "baseline": measurement([1.0] * 3)}
    sides = quiet | {side: replace(quiet[side], waited=0.4, others=0.4)}
    (comparison,) = bench.compare([sides["now"]], [sides["baseline"]], CALIBRATIONS)
    assert comparison.disturbed
    assert comparison.verdict == "no verdict (disturbed)"
    (comparison,) = bench.compare([quiet["now"]], [quiet["baseline"]], CALIBRATIONS)
    assert not comparison.disturbed


def test_one_run_has_no_spread():
    """It is not a spread of 0: the noise is the machine's alone, and tables show a dash."""
    alone = measurement([1.06])
    assert alone.spread is None
    (comparison,) = bench.compare([alone], [measurement([1.0])], CALIBRATIONS)
    assert comparison.margin == pytest.approx(CALIBRATION.noise.floor())
    assert comparison.verdict == "slower"
    training, predicting = shown([alone, measurement([1.0, 1.0]), replace(alone, work="predict")])[:2]
    assert [line[2:4] for line in texts(training)] == [["1,000", "0.0%"], ["943", "–"]]
    assert texts(predicting) == [["numpy", "1 × 1", "943 ±–"]]


def test_without_a_calibration_there_is_no_verdict():
    """However large the difference."""
    (comparison,) = bench.compare([measurement([9.0])], [measurement([1.0])], {"another": CALIBRATION})
    assert comparison.verdict == "no verdict (not calibrated)"
    assert comparison.margin is None


def test_what_changed_since_is_said():
    """A library's version is not another machine, but worth knowing."""
    before, now = measurement([1.0], numpy="2.3", gone="1"), measurement([1.0], numpy="2.4")
    (comparison,) = bench.compare([now], [before], CALIBRATIONS)
    assert comparison.changes == ("gone 1 -> none", "numpy 2.3 -> 2.4")


def test_what_is_not_comparable_is_refused():
    """Another machine, other rows or threads, nothing in common."""
    here = [replace(measurement([1.0]), parameters=5678)]
    elsewhere = measurement([1.0], machine=replace(MACHINE, device="cpu", blas="b"))
    other_machine = (
        "numpy M0 train: measured on another machine: device 'cpu', not 'a device'; blas 'b', not 'a blas' as here"
    )
    for other, message in [
        (elsewhere, other_machine),
        (measurement([1.0], rows=5), "numpy M0 train: measured with --rows 5, here with 1000: not comparable"),
        (replace(here[0], batch_size=32), "measured in batches of 32, here in batches of 512: not comparable"),
        (replace(here[0], parameters=1234), "on a network of 1,234 parameters, here on a network of 5,678 parameters"),
        (measurement([1.0], threads=4), "measured with --threads 4, here with 1: not comparable"),
        (measurement([1.0], backend="x"), "no case in common: it has x M0 train; measured now: numpy M0 train"),
    ]:
        with pytest.raises(HarnessError, match=message):
            bench.compare(here, [other], CALIBRATIONS)
