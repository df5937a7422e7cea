"""The conformance kit says of wrong input gradients what a person needs."""

import pytest

from tests.broken_plugins.broken_gradients import NETWORKS
from tests.conformance_kit import failures

REFERENCE = "test_gives_the_input_gradient_of_evaluation_mode"
SLOPE = "test_the_input_gradient_is_the_slope_of_what_it_predicts"
ALONE = "test_the_input_gradient_of_a_row_depends_on_that_row_alone"
UNCHANGED = "test_the_input_gradient_changes_nothing"
MISTAKES = {
    "misses_scale": (REFERENCE, "times the reference's"),
    "mean_of_rows": (ALONE, "a row's depends on that row alone"),
    "batch_statistics": (REFERENCE, "running statistics instead of the batch's"),
    "drops_units": (REFERENCE, "dropout off"),
    "descends": (SLOPE, "a slope of the loss"),
    "moves_statistics": (UNCHANGED, "running_mean as it was"),
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Return the failures of every network by the name of the test."""
    folder = tmp_path_factory.mktemp("broken")
    return failures(folder, "broken_gradients", {"backend": NETWORKS}, "-k", "input_gradient")


@pytest.mark.slow
@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_input_gradient_is_caught_and_the_fault_is_named(findings, name):
    """A network that keeps the contract passes."""
    assert findings["sound"] == {}
    test, message = MISTAKES[name]
    assert message in findings[name][test]
    assert "contract: Differentiable.input_gradient" in findings[name][test]


def test_every_network_has_its_mistake():
    assert {*MISTAKES, "sound"} == NETWORKS.keys()
