"""Torch's captured step on the CPU, with streams and graphs that `tests.fake_cuda` plays."""

# ruff: noqa: E402 - what follows the check for torch imports it

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from harness.optimizers import Adam
from harness_torch.dropout import DeviceMasks
from harness_torch.graph import captures
from tests.fake_cuda import FakeCuda
from tests.image_networks import spec_of
from tests.networks import labelled_images, mlp
from tests.torch_graphs import IMAGES, RATES, SPECS, WaitingLoss, orders
from tests.torch_networks import RULES, as_generic, assert_same_bits, network

pytestmark = pytest.mark.usefixtures("torch_threads")


@pytest.fixture
def cuda(monkeypatch):
    """Streams and graphs, and masks whose draws can be captured."""
    cuda = FakeCuda(monkeypatch)
    monkeypatch.setattr("harness_torch.network.captures", lambda _device: True)
    monkeypatch.setattr("harness_torch.network.HostMasks", lambda: DeviceMasks(torch.device("cpu")))
    return cuda


def pair(spec, images=IMAGES, **keys):
    """Return a network with a graph, if it can be captured, and one without."""
    keys = {"images": images, "precision": "float32", "optimizer": Adam()} | keys
    captured, eager = (network(spec, **keys) for _ in range(2))
    captured._warm_up(len(images[1]))
    return captured, eager


def assert_equal_epochs(captured, eager, orders, rates=RATES):
    """Train both, and compare all that they report and hold, to the bit."""
    for epoch, (order, rate) in enumerate(zip(orders, rates, strict=False)):
        stats, expected = (built.train_epoch(epoch, order, rate) for built in (captured, eager))
        np.testing.assert_array_equal(stats.losses, expected.losses)
        np.testing.assert_array_equal(stats.sizes, expected.sizes)
        assert stats.correct == expected.correct
    assert_same_bits(eager.state(), captured.state())
    rows = np.arange(20)
    np.testing.assert_array_equal(captured.predict(rows), eager.predict(rows))


@pytest.mark.parametrize("placement", ["stream", "resident"])
@pytest.mark.parametrize("name", sorted(SPECS))
def test_replays_are_the_eager_steps(cuda, name, placement):
    """Losses, counts, parameters, statistics, moments and masks, over epochs with different rates and a last batch."""
    captured, eager = pair(SPECS[name], placement=placement)
    assert captured._graph is not None
    assert eager._graph is None
    assert_equal_epochs(captured, eager, orders())
    assert [graph.replays for graph in cuda.graphs] == [15]


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_replays_as_it_steps(cuda, name):
    """The state of each is what it would be."""
    captured, eager = pair(SPECS["sum, no dropout"], optimizer=RULES[name])
    assert_equal_epochs(captured, eager, orders())
    assert cuda.graphs[0].replays == 15


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_networks_of_images_replay_too(cuda, name):
    """Convolutions, pooling and residual blocks."""
    spec = spec_of(name, batch_size=8)
    captured, eager = pair(spec, labelled_images(60, spec.input_shape, 10))
    assert_equal_epochs(captured, eager, orders(epochs=2))
    assert cuda.graphs[0].replays == 10


def test_in_float64_a_rate_is_captured_anew_when_it_changes(cuda):
    """Fused kernels read a rate on the device as float32: 0.01 would be off by 2e-8."""
    captured, eager = pair(SPECS["batch norm, dropout, clipping"], precision="float64")
    assert_equal_epochs(captured, eager, orders(), rates=(0.01, 0.003, 0.003))
    assert [graph.replays for graph in cuda.graphs] == [0, 5, 10]


def test_the_graph_survives_a_state_that_is_loaded(cuda):
    """It works in the memory of parameters and moments, which stays; without moments they begin anew."""
    captured, eager = pair(SPECS["batch norm, dropout, clipping"])
    assert_equal_epochs(captured, eager, orders(epochs=1))
    saved = captured.state()
    assert_equal_epochs(captured, eager, orders())
    for state in (saved, {key: value for key, value in saved.items() if not key.startswith("optimizer")}):
        for built in (captured, eager):
            built.load(state)
        assert_equal_epochs(captured, eager, orders(epochs=2))
    assert len(cuda.graphs) == 1


def test_a_resumed_training_goes_on_to_the_bit(cuda):
    """A new network from the state after an epoch draws the masks that the first one would."""
    whole, _ = pair(SPECS["batch norm, dropout, clipping"])
    whole.train_epoch(0, orders()[0], RATES[0])
    resumed, _ = pair(SPECS["batch norm, dropout, clipping"], state=whole.state())
    for built in (whole, resumed):
        built.train_epoch(1, orders()[1], RATES[1])
    assert_same_bits(whole.state(), resumed.state())
    assert [graph.replays for graph in cuda.graphs] == [10, 5]


def test_batches_from_the_host_are_eager_and_leave_the_graph_as_it_was(cuda):
    """An augmented epoch between two others."""
    images, labels = IMAGES
    batches = [((images[:8] / 255).astype(np.float32), labels[:8])] * 2
    captured, eager = pair(SPECS["batch norm, dropout, clipping"])
    assert_equal_epochs(captured, eager, orders(epochs=1))
    stats, expected = (built.train_batches(1, batches, RATES[0]) for built in (captured, eager))
    np.testing.assert_array_equal(stats.losses, expected.losses)
    assert_equal_epochs(captured, eager, orders())
    assert cuda.graphs[0].replays == 20


def test_an_order_longer_than_the_set_is_captured_anew(cuda):
    """Rows that are drawn more than once."""
    captured, eager = pair(SPECS["batch norm, dropout, clipping"], placement="resident")
    assert_equal_epochs(captured, eager, [np.tile(np.arange(60), 2)] * 2)
    assert [graph.replays for graph in cuda.graphs] == [0, 30]


def test_the_streams_wait_for_each_other(cuda):
    """What was queued before comes before a step, and what is queued after it after; replays are on one stream."""
    captured, _ = pair(SPECS["batch norm, dropout, clipping"])
    assert captured._graph is not None
    there, back = "other waits for default", "default waits for other"
    assert cuda.events == [there, back, there, "capture on other", back]  # the step before the capture, the capture
    cuda.events.clear()
    captured.train_epoch(0, orders()[0], RATES[0])
    assert cuda.events == [there, *["replay on other"] * 5, back]


@pytest.mark.parametrize(
    ("reason", "keys"),
    [
        ("a third party's rule", {"optimizer": as_generic(Adam())}),
        ("fewer rows than a batch", {"images": labelled_images(7, (1, 12), 3)}),
    ],
)
def test_what_cannot_be_captured_is_eager(cuda, reason, keys):
    """No capture is tried."""
    captured, eager = pair(SPECS["sum, no dropout"], **keys)
    assert captured._graph is None, reason
    assert_equal_epochs(captured, eager, [np.arange(7)] * 2)
    assert not cuda.events


def test_where_the_capture_fails_steps_are_eager(cuda):
    """A loss that waits for a value; masks are drawn by a generator that the failed capture did not touch."""
    spec = mlp([12, 9, 3], dropout=0.3, batch_size=8, loss=WaitingLoss())
    captured, eager = pair(spec)
    assert "capture on other" in cuda.events
    assert captured._graph is None
    assert_equal_epochs(captured, eager, orders())


@pytest.mark.usefixtures("cuda")
def test_a_later_capture_that_fails_makes_the_rest_eager(monkeypatch):
    """The rate of float64 changes, and memory is short."""
    captured, eager = pair(SPECS["batch norm, dropout, clipping"], precision="float64")
    assert captured._graph is not None

    def no_memory(*_args, **_keys):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.cuda, "graph", no_memory)
    assert_equal_epochs(captured, eager, orders(), rates=(0.01, 0.003, 0.003))
    assert captured._graph is None


@pytest.mark.parametrize(
    ("device", "value", "expected"),
    [("cuda:0", None, True), ("cuda", "0", True), ("cuda:1", "1", False), ("cpu", None, False)],
)
def test_the_environment_turns_it_off(monkeypatch, device, value, expected):
    """HARNESS_NO_GRAPH=1."""
    monkeypatch.delenv("HARNESS_NO_GRAPH", raising=False)
    if value:
        monkeypatch.setenv("HARNESS_NO_GRAPH", value)
    assert captures(torch.device(device)) is expected


def test_a_network_on_the_cpu_launches_nothing():
    """Its rows have no entry for it."""
    assert network(SPECS["sum, no dropout"], images=IMAGES).launch is None


def test_a_capture_has_workspaces_of_its_own(cuda, monkeypatch):
    """What cuBLAS allocated before is given back first: a captured product must not write to it."""
    clear = partial(cuda.events.append, "workspaces are cleared")
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", clear, raising=False)
    pair(SPECS["batch norm, dropout, clipping"])
    there, back = "other waits for default", "default waits for other"
    assert cuda.events == [there, back, there, "workspaces are cleared", "capture on other", back]
