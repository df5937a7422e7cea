"""The calibration error to expect of a calibrated network: exact distributions, simulation and a run agree with it."""

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics import error_if_calibrated, expected_calibration_error
from harness.metrics.catalogue import value_of
from tests.report_runs import make_run


def mean_deviation(chances):
    """Return E|S - μ| of the Poisson-binomial distribution, term by term."""
    terms = np.ones(1)
    for chance in chances:
        terms = np.convolve(terms, [1 - chance, chance])
    return float(np.abs(np.arange(len(terms)) - np.sum(chances)) @ terms)


@pytest.mark.parametrize("rows", [1, 2, 7, 40, 300])
def test_the_deviation_of_each_bin_is_the_exact_one_within_two_percent(rows):
    """Confidences that lie anywhere in a bin, or close to 1."""
    rng = np.random.default_rng(rows)
    for low in np.arange(15) / 15:
        drawn = low + rng.random(rows) / 15 * 0.999 + 1e-6
        near = 1 - 10 ** rng.uniform(-6, -1.2, rows)
        for confidence in (drawn, near):
            expected = mean_deviation(confidence) / rows
            assert error_if_calibrated(confidence) == pytest.approx(expected, rel=0.02)


def test_it_is_the_mean_error_of_simulated_calibrated_networks():
    rng = np.random.default_rng(0)
    confidence = rng.beta(6, 1, 1500)
    errors = [expected_calibration_error(confidence, rng.random(1500) < confidence) for _ in range(1500)]
    assert error_if_calibrated(confidence) == pytest.approx(np.mean(errors), rel=0.02)


def test_it_falls_with_the_square_root_of_the_images():
    confidence = np.random.default_rng(1).uniform(0.2, 1.0, 4000)
    assert error_if_calibrated(np.tile(confidence, 100)) == pytest.approx(
        error_if_calibrated(confidence) / 10, rel=0.01
    )


@pytest.mark.parametrize("confidence", [np.ones(3), np.zeros(3), np.array([0.0, 1.0])])
def test_a_network_that_is_certain_has_none(confidence):
    assert error_if_calibrated(confidence) == 0.0


def test_a_confidence_that_is_not_a_number_has_no_error_to_expect():
    assert np.isnan(error_if_calibrated(np.array([0.5, np.nan])))


def test_a_row_that_lacks_it_gets_it_from_its_predictions(tmp_path):
    """Under each condition; nothing is trained again."""
    run = make_run(tmp_path, {"A": ""})
    (row,) = run.rows()
    lacking = [
        replace(measure, values={name: value for name, value in measure.values.items() if name != "test_ece_expected"})
        for measure in row.evaluation.measures
    ]
    run.write(replace(row, evaluation=replace(row.evaluation, measures=lacking)))
    (stored_row,) = run.rows()
    confidence = run.arrays("A", 1, "evaluation.npz")["confidence"]
    for index, measure in enumerate(stored_row.evaluation.measures):
        assert measure.values["test_ece_expected"] == error_if_calibrated(confidence[index])
    assert value_of(stored_row, "test_ece_expected") < value_of(stored_row, "test_ece")
