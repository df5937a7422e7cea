"""The conformance kit says of broken optimizers, perturbations and datasets what a person needs."""

import re

import pytest

from tests.broken_plugins.broken_components import DATASETS, OPTIMIZERS, PERTURBATIONS
from tests.conformance_kit import failures

BROKEN = {"optimizer": OPTIMIZERS, "perturbation": PERTURBATIONS, "dataset": DATASETS}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Return the failures of every component: its message by the name of the test."""
    folder = tmp_path_factory.mktemp("broken")
    return failures(folder, "broken_components", BROKEN, "-k", "not fresh_process")


MISTAKES = [
    (
        "in_place",
        "leaves_its_arguments_as_they_were",
        r"expected parameters as it was; got \d of 6 values that differ; contract: Optimizer.update modifies no",
    ),
    ("ascends", "descends", r"expected less than .* on a quadratic; got .* contract: Optimizer.update descends"),
    ("normalised", "is_elementwise", r"contract: Optimizer: elementwise: blocks of the vector may be updated"),
    (
        "unpicklable",
        "can_be_pickled",
        r"expected an optimizer that can be pickled; got .*lambda.* contract: a factory's optimizer crosses to",
    ),
    (
        "divides_by_the_rate",
        "takes_a_learning_rate_of_0",
        r"expected the parameters as they were; got 6 of 6 values that differ; contract: Optimizer.update: at a",
    ),
    (
        "global_noise",
        "draws_from_its_generator_alone",
        r"expected the global random state as it was; got that it has drawn from it; contract: Perturb: all random",
    ),
    (
        "changes_images",
        "does_not_modify_its_input",
        r"expected the input as it was at severity 0.1; got \d+ of 12800 values that differ; contract: Perturb",
    ),
    (
        "doubles",
        "returns_images_of_the_same_kind",
        r"expected at severity 0.0 'float32 \(200, 8, 8\)'; got 'float64 \(200, 8, 8\)'; contract: Perturb:",
    ),
    (
        "unclipped",
        "returns_images_of_the_same_kind",
        r"expected values in \[0, 1\] at severity 0.1; got values in \[-0\.\d+, 1\.\d+\]; contract: Perturb",
    ),
    (
        "grey_alone",
        "takes_colour_images",
        r"operands could not be broadcast together",
    ),
    (
        "boundless",
        "takes_vectors",
        r"expected finite values; got others at severity 0.5; contract: Perturb of kind=.vector.",
    ),
    (
        "descending",
        "levels_go_from_mild_to_strong",
        r"levels \(0.5, 0.4, 0.3, 0.2, 0.1\); the contract says numbers above 0, ascending",
    ),
    (
        "four",
        "levels_go_from_mild_to_strong",
        r"expected as many levels: 5; got 4; contract: GradedPerturb.levels are five",
    ),
    (
        "refuses_its_levels",
        "levels_go_from_mild_to_strong",
        r"expected levels that its check accepts; got a quarter at most; .*; contract: GradedPerturb.levels",
    ),
    (
        "milder_again",
        "levels_go_from_mild_to_strong",
        r"expected mean distances from clean images \(8 × 8\) that grow; got [\d., ]+; contract: GradedPerturb.levels",
    ),
    (
        "neighbourly",
        "does_not_depend_on_the_images_behind",
        r"expected the same first image among others; got \d+ of 64 values that differ; contract: Perturb: an image",
    ),
    (
        "infinite",
        "features_and_labels_have_the_types_of_the_contract",
        r"expected finite values; got inf; contract: Labelled",
    ),
    (
        "channels_first",
        "features_and_labels_have_the_types_of_the_contract",
        r"expected features uint8 of 3 or 4 axes; got float32 \(1797, 3, 8, 8\); contract: Labelled",
    ),
    (
        "gap",
        "every_class_occurs_and_has_a_distinct_name",
        r"expected the labels 0 … 9, all of them, for 10 class names; got \[1, 2, .* 10\]; contract: Labelled",
    ),
    (
        "shuffled",
        "is_the_same_whenever_it_is_loaded",
        r"expected the same images twice; got \d+ of \d+ values that differ; contract: Dataset.load",
    ),
    (
        "never_the_same",
        "is_loaded_once_and_comes_from_the_cache",
        r"expected nothing to load the second time; got a call of load..: source.. said 'digits .*', and then 'dig",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "test", "message"), MISTAKES)
def test_a_broken_component_is_caught_and_the_fault_is_named(findings, name, test, message):
    """What was expected, what came, and which clause of the contract says so."""
    assert re.search(message, findings[name][f"test_{test}"])


def test_every_broken_component_has_its_mistake():
    """No broken component is without a test."""
    assert {name for name, _, _ in MISTAKES} == {name for names in BROKEN.values() for name in names}
