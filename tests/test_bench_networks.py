"""The networks that are measured are a suite's, under the names of its experiments."""

import pytest

from harness import bench
from harness.bench.networks import OPTIMIZER
from harness.errors import HarnessError
from harness.interfaces import Activation, Linear
from harness.plugins.loading import registry
from tests.measurements import shipped

SUITE = """
[suite]
name = "mine"
[defaults]
hidden_layers = [8]
batch_size = 32
optimizer = { name = "sgd", learning_rate = 0.5 }
[experiments.A]
backend = "nosuch"
l2 = 0.1
[experiments.B]
hidden_layers = [16]
[experiments.C]
gradient = "sum"
"""


def names(networks):
    return [(network.name, network.also) for network in networks]


def test_the_shipped_suites_finalists_are_measured():
    """Each network once; what else a suite has can be named, and means the network that has its layers."""
    assert names(shipped().usual) == [("M0", ()), ("M1g", ("M2",)), ("M3b", ())]
    assert names(shipped().named(["M2", "M1a", "M1g", "M3a"])) == [("M1g", ("M2",)), ("M0", ()), ("M3a", ())]


def test_a_suite_without_finalists_is_measured_whole(tmp_path):
    """Its layers and batch size, trained as every network here; what its experiments' backends are does not matter."""
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    networks = bench.load_networks(registry(), path)
    assert names(networks.usual) == [("A", ("C",)), ("B", ())]
    spec = networks.known["C"].spec
    assert spec.layers == (Linear(784, 8), Activation("relu"), Linear(8, 47))
    assert (spec.batch_size, spec.gradient, spec.l2) == (32, "mean", 0.0)
    assert (OPTIMIZER.name, OPTIMIZER.options) == ("adam", {})


def test_a_finalist_that_is_chosen_by_validation_is_every_candidate(tmp_path):
    """Which of them it would be is not known before a run."""
    path = tmp_path / "mine.toml"
    path.write_text(SUITE + '[finalists]\nbest = { best_of = "[BC]" }\n')
    networks = bench.load_networks(registry(), path)
    assert names(networks.usual) == [("B", ()), ("C", ())]
    assert networks.known["A"].name == "C"


def test_a_suite_with_a_mistake_is_refused(tmp_path):
    """With its place, as any command would."""
    path = tmp_path / "mine.toml"
    path.write_text(SUITE.replace("[16]", "[0]"))
    with pytest.raises(HarnessError, match=r"mine\.toml: experiments\.B\.hidden_layers"):
        bench.load_networks(registry(), path)
