"""A backend says which layer kinds it has; a network with another is declined when planning, by name."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import interfaces
from harness.conformance.recipes import with_unknown_layer
from harness.errors import TrialError
from harness.execution.probe import Question, probe
from harness.interfaces import Activation, Context, Layer, Linear, Network
from harness.optimizers import SGD
from harness.plugins.layer_kinds import layer_kinds, missing_layers
from harness.plugins.loading import registry
from harness.plugins.options import ComponentSpec
from harness.seeding import initial_state
from harness.stepwise import StepwiseBackend
from harness.trial.jobs import load_backend
from tests.networks import mlp
from tests.plugins_on_disk import installed

SPEC = mlp([6, 5, 3], batch_norm=True, dropout=0.2)
UNKNOWN = with_unknown_layer(SPEC)
FOUR = "it has Linear, BatchNorm, Activation, Dropout"
ALL = {kind for kind in vars(interfaces).values() if isinstance(kind, type) and issubclass(kind, Layer)} - {Layer}
OURS = ["numpy", "cupy", "torch"]

OLD = """
import harness

class Old:
    interface = 2
    def unavailable(self, device): return None
    def unsupported(self, spec, optimizer): return []
    def devices(self, device): return ["cpu"]

class Narrow(Old):
    layers = {harness.interfaces.Linear}

class Faulty(Old):
    layers = ["Linear"]

class Raising(Old):
    @property
    def layers(self):
        raise OSError("no list")

@harness.hookimpl
def register_backends(register):
    for kind in (Old, Narrow, Faulty, Raising):
        register(kind.__name__.lower(), kind)
"""


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Return the registry with third-party backends in it."""
    with installed(tmp_path, monkeypatch, "harness-old", "0.1", OLD) as plugins:
        yield plugins


def planned(name, spec, plugins=None):
    """Return a backend's answer to a plan."""
    question = Question((name,), "auto", spec, ComponentSpec("sgd", {}, Path()))
    return probe([question], plugins or registry(), lambda _report: None)[0]


def built(name):
    if name == "torch":
        pytest.importorskip("torch")
    return load_backend(registry().find("backend", name))


@pytest.mark.parametrize("name", OURS)
def test_our_backends_have_every_layer_kind(name):
    assert set(layer_kinds(built(name))) == ALL


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_an_unknown_layer_is_declined_when_planning(name):
    """By its name; nothing is asked of the backend about it."""
    built(name)
    assert planned(name, UNKNOWN).reason.startswith(
        f"layer 'UnknownLayer' is not supported by backend {name}: {FOUR}, "
    )
    assert planned(name, SPEC).backend == name


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_an_unknown_layer_is_not_built(name):
    """Without a plan too: it was taken for dropout."""
    with pytest.raises(ValueError, match=f"layer 'UnknownLayer' is not supported by backend {name}: {FOUR}"):
        built(name).build(UNKNOWN, initial_state(UNKNOWN, 0), SGD(), Context(0, device="cpu"))


def test_a_plugin_written_for_the_old_list_has_the_four_and_no_other(plugins):
    """It says nothing of layers; the harness declines others for it."""
    assert planned("old", SPEC, plugins).backend == "old"
    assert planned("old", UNKNOWN, plugins).reason == f"layer 'UnknownLayer' is not supported by backend old: {FOUR}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("narrow", "layers 'BatchNorm', 'Activation' and 'Dropout' are not supported by backend narrow: it has Linear"),
        ("faulty", "faulty: layers is ['Linear']; the contract says layer classes, such as (Linear, Activation)"),
        ("raising", "raising: OSError: no list"),
    ],
)
def test_a_backend_that_lacks_layers_or_names_them_wrongly_is_unavailable(plugins, name, reason):
    """One line each."""
    assert planned(name, SPEC, plugins).reason == reason


def test_a_backend_from_the_base_class_refuses_to_build_what_it_does_not_list():
    class Backend(StepwiseBackend):
        interface = 2
        layers = (Linear, Activation)
        network = Network

    with pytest.raises(ValueError, match="layers 'BatchNorm' and 'Dropout' are not supported by backend Backend: it"):
        Backend().build(SPEC, initial_state(SPEC, 0), SGD(), Context(0))


@pytest.mark.parametrize("layers", ["Linear", [Linear(4, 3)], None, [int]])
def test_layers_are_layer_classes(layers):
    with pytest.raises(TrialError, match="the contract says layer classes, such as"):
        layer_kinds(SimpleNamespace(layers=layers))


@pytest.mark.parametrize("name", ["torch-eager", "sklearn-mlp"])
def test_a_peer_declines_layers_that_it_does_not_have(name):
    if name.startswith("torch"):
        pytest.importorskip("torch")
    peer = registry().find("peer", name).load()()
    assert missing_layers(peer, peer.title, mlp([6, 5, 3])) is None
    assert missing_layers(peer, peer.title, with_unknown_layer(mlp([6, 5, 3]))).startswith(
        f"layer 'UnknownLayer' is not supported by {peer.title}: it has Linear, "
    )
