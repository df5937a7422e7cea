"""The conformance kit says of broken networks of images what a person needs."""

import re

import pytest

from tests.broken_plugins.broken_images import NETWORKS
from tests.conformance_kit import failures

TEST = "test_trains_networks_of_images_as_the_reference"
MISTAKES = ["wrong_padding", "channels_first", "applies_weights_twice", "turns_kernels"]


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Return the failures of every network by the name of the test."""
    chosen = "of_images and padding"
    return failures(tmp_path_factory.mktemp("broken"), "broken_images", {"backend": NETWORKS}, "-k", chosen)


@pytest.mark.slow
@pytest.mark.parametrize("name", MISTAKES)
def test_a_broken_network_of_images_is_caught_and_the_fault_is_named(findings, name):
    """By the layers' arithmetic; a network that keeps the contract passes."""
    assert findings["pictured"] == {}
    message = r"expected .* contract: Layer: the arithmetic of Conv2d, .* images with their channels last, weights once"
    assert re.search(message, findings[name][TEST])
    assert findings[name].keys() == {TEST, TEST.replace("trains", "predicts")}


def test_every_broken_network_of_images_has_its_mistake():
    assert {*MISTAKES, "pictured"} == NETWORKS.keys()
