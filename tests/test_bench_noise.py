"""What counts as noise: of runs, processes and invocations; and how rarely equal cases get a verdict."""

import json
from dataclasses import asdict, replace
from math import expm1, log, sqrt

import numpy as np
import pytest
from scipy import stats

from harness import bench
from harness.bench import noise
from tests.measurements import MACHINE, bench_case, calibration, measurement
from tests.share import SHARE


def drawn(rng, invocations, processes, rounds, *, run, process, invocation):
    """Return seconds (invocations, processes, rounds) whose logarithms have these standard deviations of each part."""
    return np.exp(
        invocation * rng.standard_normal((invocations, 1, 1))
        + process * rng.standard_normal((invocations, processes, 1))
        + run * rng.standard_normal((invocations, processes, rounds))
    )


def calibrated(seconds):
    runs = tuple(tuple(tuple(map(float, process)) for process in invocation) for invocation in seconds)
    return bench.Calibration(MACHINE, "numpy", "numpy M0 train", 1000, runs, (False,) * len(runs))


def test_variance_is_that_of_one_measurement():
    """Of its invocation, its process and the median of its runs, however many processes were calibrated in each."""
    rng = np.random.default_rng(1)
    for processes in (1, 2, 5):
        estimates = [
            noise.noise_of(drawn(rng, 6, processes, 7, run=0.01, process=0.02, invocation=0.03)).variance
            for _ in range(400)
        ]
        true = 0.03**2 + 0.02**2 + 0.01**2 * noise.median_variance(1.0, 7)
        assert np.mean(estimates) == pytest.approx(true, rel=0.1)


def test_degrees_of_freedom_are_satterthwaites():
    """Of two mean squares; all of them where every invocation has one process."""
    medians = np.log([[1.0, 1.1], [1.3, 1.2], [0.9, 1.0], [1.05, 1.05]])
    estimate = noise.noise_of([[(second,) for second in invocation] for invocation in np.exp(medians)])
    between, within = np.var(medians.mean(1), ddof=1), np.var(medians, axis=1, ddof=1).mean()
    assert estimate.variance == pytest.approx(between + within / 2)
    assert estimate.df == int((between + within / 2) ** 2 / (between**2 / 3 + (within / 2) ** 2 / 4))
    alone = noise.noise_of([[(1.0,)], [(1.1,)], [(1.2,)]])
    assert (alone.variance, alone.df) == (pytest.approx(np.var(np.log([1.0, 1.1, 1.2]), ddof=1)), 2)
    assert alone.floor() == pytest.approx(expm1(stats.t.ppf(0.975, 2) * sqrt(2 * alone.variance)))


def test_a_measurement_of_fewer_or_wilder_runs_is_noisier():
    """The calibration knows nothing of them; one of more runs is not taken to be less noisy."""
    rng = np.random.default_rng(2)
    estimate = noise.noise_of(drawn(rng, 8, 2, 7, run=0.02, process=0.0, invocation=0.0))
    quiet, wild = [1.0] * 7, [0.8, 0.9, 1.0, 1.0, 1.0, 1.1, 1.2]
    assert estimate.of(quiet) == estimate.variance
    assert estimate.of(wild) > estimate.variance
    assert estimate.of([1.0]) == pytest.approx(estimate.variance + estimate.run_variance - estimate.median_variance)


def test_a_verdict_needs_invocations():
    """Two of them say next to nothing of what differs between them; with three there is one."""
    now, before = [measurement([1.5] * 3)], [measurement([1.0] * 3)]
    for invocations, verdict in ((0, "no verdict (not calibrated)"), (2, "no verdict (not calibrated)"), (3, "slower")):
        calibrations = {case.key: case for case in [calibration(0.01, invocations=invocations)]} if invocations else {}
        (comparison,) = bench.compare(now, before, calibrations)
        assert (comparison.verdict, comparison.decided) == (verdict, invocations > 2)
        assert comparison.invocations == invocations


def test_disturbed_invocations_count_only_where_too_few_are_quiet():
    """They would hide every slowdown; without others the noise is too large rather than unknown."""
    quiet, loud = calibration(0.01, invocations=4), calibration(0.5, invocations=4)
    both = replace(quiet, invocations=(*quiet.invocations, *loud.invocations), disturbed=(False,) * 4 + (True,) * 4)
    assert both.noise == quiet.noise
    few = replace(both, disturbed=(False,) * 2 + (True,) * 6)
    assert few.noise.variance > 10 * quiet.noise.variance


@pytest.mark.parametrize(("ratio", "verdict"), [(0.99, "within the noise"), (0.93, "slower"), (1.08, "faster")])
def test_a_verdict_needs_more_than_the_noise(ratio, verdict):
    """By Student's t; the margin is where it would begin."""
    case_calibration = calibration(0.01)
    (comparison,) = bench.compare(
        [measurement([1 / ratio] * 7)], [measurement([1.0] * 7)], {case_calibration.key: case_calibration}
    )
    assert (comparison.verdict, comparison.ratio) == (verdict, pytest.approx(ratio))
    error = sqrt(2 * case_calibration.noise.variance)
    assert comparison.p == pytest.approx(2 * stats.t.sf(abs(log(ratio)) / error, case_calibration.noise.df))
    assert comparison.p_holm == comparison.p
    assert comparison.margin == pytest.approx(case_calibration.noise.floor())
    assert (comparison.p <= 0.05) == (abs(log(ratio)) > np.log1p(comparison.margin))


def test_many_cases_are_held_to_holms_levels():
    """What is significant alone is not among thirty; a margin is that of the level at which a case was judged."""
    case_calibration = calibration(0.01)
    slowdowns = [1.10, 1.037, *[1.0] * 28]
    now = [replace(measurement([slow] * 7), network=f"N{index}") for index, slow in enumerate(slowdowns)]
    before = [replace(measured, seconds=(1.0,) * 7) for measured in now]
    comparisons = bench.compare(now, before, {case_calibration.key: case_calibration})
    assert [comparison.verdict for comparison in comparisons[:3]] == ["slower", "within the noise", "within the noise"]
    assert comparisons[1].p < 0.05 < comparisons[1].p_holm
    assert comparisons[0].p_holm == pytest.approx(30 * comparisons[0].p)
    assert comparisons[1].p_holm == pytest.approx(29 * comparisons[1].p)
    assert all(
        (comparison.p_holm <= 0.05) == (abs(log(comparison.ratio)) > np.log1p(comparison.margin))
        for comparison in comparisons
    )
    (alone,) = bench.compare(now[1:2], before[1:2], {case_calibration.key: case_calibration})
    assert alone.verdict == "slower"


SCENARIOS = {
    "runs dominate": {"run": 0.02, "process": 0.0, "invocation": 0.0},
    "processes dominate": {"run": 0.005, "process": 0.02, "invocation": 0.0},
    "a drift of 3 % between invocations": {"run": 0.005, "process": 0.005, "invocation": 0.03},
    "all of it": {"run": 0.01, "process": 0.02, "invocation": 0.01},
}


@pytest.mark.parametrize(
    ("cases", "commands"),
    [(1, 500), pytest.param(1, 4000, marks=pytest.mark.slow), pytest.param(30, 600, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("parts", SCENARIOS.values(), ids=SCENARIOS)
def test_equal_cases_rarely_get_a_verdict(parts, cases, commands):
    """In at most 5 % of commands, of one case or of thirty that share the drift, to two errors of the simulation."""
    rng = np.random.default_rng(3)
    commands = round(commands * max(SHARE, 0.25)) if commands > 500 else commands
    wrong = 0
    for _ in range(commands):
        case_calibration = calibrated(drawn(rng, 8, 2, 7, **parts))
        sides = [drawn(rng, 1, cases, 7, **parts)[0] for _ in range(2)]
        now, before = (
            [replace(measurement(seconds), network=str(index)) for index, seconds in enumerate(side)] for side in sides
        )
        comparisons = bench.compare(now, before, {case_calibration.key: case_calibration})
        wrong += any(comparison.verdict != "within the noise" for comparison in comparisons)
    assert wrong / commands <= 0.05 + 2 * sqrt(0.05 * 0.95 / commands)


def test_a_real_slowdown_is_found():
    """Of ten per cent, where processes differ by one: nearly always, after one calibration."""
    rng = np.random.default_rng(4)
    parts = {"run": 0.01, "process": 0.01, "invocation": 0.005}
    detected = 0
    for _ in range(200):
        case_calibration = calibrated(drawn(rng, 8, 2, 7, **parts))
        before, now = (drawn(rng, 1, 1, 7, **parts)[0, 0] for _ in range(2))
        (comparison,) = bench.compare(
            [measurement(1.1 * now)], [measurement(before)], {case_calibration.key: case_calibration}
        )
        detected += comparison.verdict == "slower"
    assert detected >= 190


def test_calibrations_are_kept_by_machine_and_backend(monkeypatch, tmp_path):
    """Those of the same case add up, the latest forty; another case's takes their place; damaged ones count as none."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    assert bench.calibrations() == {}
    other = replace(MACHINE, device="another")
    assert len(bench.keep(calibration(0.1)).invocations) == 8
    assert len(bench.keep(calibration(0.1)).invocations) == 16
    bench.keep(calibration(0.2, machine=other))
    bench.keep(calibration(0.3, backend="y"))
    invocations = {
        (calibration.machine, calibration.backend): len(calibration.invocations)
        for calibration in bench.calibrations().values()
    }
    assert invocations == {(MACHINE, "numpy"): 16, (other, "numpy"): 8, (MACHINE, "y"): 8}
    assert len(bench.keep(calibration(0.1, invocations=90)).invocations) == 40
    assert len(bench.keep(replace(calibration(0.1), rows=77)).invocations) == 8
    path = tmp_path / "noise.json"
    path.write_text(path.read_text().replace('"another"', "7"))
    assert {calibration.backend for calibration in bench.calibrations().values()} == {"numpy", "y"}
    for damage in ('"invocations": [[[0.0', '"invocations": [[], [[', '"invocations": [[[], ['):
        path.write_text(json.dumps({"a": json.loads(json.dumps(asdict(calibration(0.1))))}))
        path.write_text(path.read_text().replace('"invocations": [[[', damage, 1))
        assert bench.calibrations() == {}
    path.write_text('{"an old one": {"floor": 0.1, "case": "numpy M0 train"}}')
    assert bench.calibrations() == {}
    path.write_text("{")
    assert bench.calibrations() == {}


@pytest.mark.slow
def test_calibration_measures_in_fresh_processes():
    """An invocation of two; the machine is the one that the case ran on."""
    kept_calibration = bench.calibrate(bench_case("numpy", "M0", "predict", rows=512), 2)
    assert [[len(runs) for runs in processes] for processes in kept_calibration.invocations] == [[2, 2]]
    assert kept_calibration.machine.device == "cpu"
    assert kept_calibration.noise is None
    assert len(kept_calibration.disturbed) == 1
