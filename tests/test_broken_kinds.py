"""The conformance kit verifies the layer kinds of a plugin's models by differences of the loss."""

import re

import numpy as np
import pytest

from harness.conformance.slopes import require_slopes
from tests.broken_plugins.broken_kinds import BACKENDS
from tests.conformance_kit import certified, kit
from tests.plugins_on_disk import distribution

LEARNS = "test_learns_along_the_slopes_of_its_models"
INPUTS = "test_the_input_gradient_of_its_models_is_the_slope"
TESTS = f"{LEARNS} or {INPUTS} or test_each_kind_and_model"
SOUND = ["sound", "sound_in_float64", "sound_with_adam_alone", "square_in_no_model"]
MISTAKES = [
    ("learned_times_minus_7", LEARNS, r"-7 times the slope; contract: .* 2\.weight in model 'harness-broken:gained'"),
    ("learned_times_3_with_adam_alone", LEARNS, r"3 times the slope; .* arithmetic of Gain, Linear"),
    ("never_learns", LEARNS, r"expected a slope of the loss .*; got a gradient that says 0, .* 2\.weight"),
    (
        "frozen_times_3",
        LEARNS,
        r"[23][.\d]* times the slope; .* 1\.bias in model 'harness-broken:waves' \(the kit has put",
    ),
    (
        "frozen_times_3_to_attacks",
        INPUTS,
        r"[23][.\d]* times the slope; contract: Differentiable.input_gradient .* Cosine",
    ),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Return what the kit prints of all backends, and the failures of each by the name of the test."""
    return certified(tmp_path_factory.mktemp("broken"), "broken_kinds", {"backend": BACKENDS}, "-k", TESTS)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "test", "message"), MISTAKES)
def test_a_wrong_gradient_of_a_plugins_kind_is_caught(report, name, test, message):
    """Parameters by what a first step shows, inputs by the gradients of what is before and by input_gradient."""
    assert re.search(message, report[1][name][test])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "test"), [(name, test) for name, test, _ in MISTAKES])
def test_a_gradient_that_is_no_derivative_on_purpose_is_told_how_to_go_without(report, name, test):
    """A straight-through estimator's author deselects the tests of slopes by the words that their names share."""
    assert "straight-through estimator, fails this test: deselect it with -k" in report[1][name][test]
    assert all('"not of_its_models"' in report[1][name][test] and "of_its_models" in each for each in (LEARNS, INPUTS))


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_right_gradients_of_a_plugins_kinds_pass(report, name):
    """By plain descent, or by Adam's first moment."""
    assert report[1][name] == {}


UNVERIFIED = {
    "square_in_no_model": r"layer kind Square \(it is in no model that the kit could build",
    "adamw_alone": r"model 'harness-broken:gained' \(the backend declines optimizer\); .* layer kind Cosine \(it",
}


@pytest.mark.slow
def test_kinds_that_are_not_verified_are_named(report):
    """At the end of the kit's report, which names nothing else there."""
    for name, what in UNVERIFIED.items():
        assert re.search(rf"(?m)^{name}: not verified: {what}", report[0])
    assert report[0].count("not verified") == len(UNVERIFIED)


@pytest.mark.slow
def test_kinds_of_a_model_alone_are_named_too(tmp_path):
    """Not where a backend is named beside it."""
    distribution(tmp_path, "harness-broken", "0.1", {}, {"broken": "broken_kinds"})
    done = kit(tmp_path, "--harness-model=gained", "-k", "with_a_backend")
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert "gained: not verified: layer kind Gain (a layer computes nothing: --harness-backend names a" in done.stdout


def loss(values):
    return float(np.float32(np.sum(np.sin(values))))


def test_a_gradient_is_compared_with_differences_of_the_loss():
    """A right gradient passes, within what float32 hides; another does not."""
    at = np.linspace(0.1, 1.2, 40)
    slope, eps = np.cos(at), float(np.finfo("float32").eps)
    require_slopes(loss, at, slope, eps, "a clause")
    for wrong in (3 * slope, slope * (np.arange(40) % 2), 0 * slope, slope * np.nan, slope[1:]):
        with pytest.raises(pytest.fail.Exception, match=r"expected a .*; got .*; contract: a clause"):
            require_slopes(loss, at, wrong, eps, "a clause")
