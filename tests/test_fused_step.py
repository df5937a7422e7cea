"""The captured step of cupy on the double: graph, kernel by kernel, and NumPy agree; and how a step is launched."""

from itertools import product

import numpy as np
import pytest

from harness.builtin.losses import CrossEntropy
from harness.interfaces import Context
from harness.optimizers import SGD, Adam, AdamW
from harness.seeding import epoch_order, initial_state
from harness_array.backends import CupyBackend, NumpyBackend
from tests.doubles import needs_compiler, strict_cupy
from tests.networks import labelled_images, mlp, with_biases
from tests.parity import Placed, built, orders

__all__ = ["strict_cupy"]

pytestmark = [needs_compiler, pytest.mark.usefixtures("strict_cupy")]
PLACEMENTS = ["stream", "resident"]
WEIGHTS = (0.5, 1.0, 2.0, 0.25)
CASES = {
    "momentum": ({}, SGD(momentum=0.9)),
    "nesterov": ({"activation": "silu", "weight_decay": 1e-2}, SGD(momentum=0.9, nesterov=True)),
    "adam": ({"activation": "gelu", "batch_norm": True, "l2": 0.1}, Adam()),
    "adamw": ({"activation": "tanh", "clip_norm": 0.1}, AdamW()),
    "smoothed": ({"activation": "leaky_relu", "loss": CrossEntropy(label_smoothing=0.1)}, SGD()),
    "weighted": ({"class_weights": WEIGHTS, "batch_norm": True}, Adam()),
    "sum": ({"gradient": "sum", "class_weights": WEIGHTS, "clip_norm": 2.0, "weight_decay": 0.1, "l2": 0.1}, Adam()),
}


def sometimes(cases, *fast):
    """Return the parameters of a test, of which only some are not slow."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else [case]), marks=[pytest.mark.slow] * (case not in fast))
        for case in cases
    ]


def network(spec, optimizer, images, *, backend=None, precision="float64", **context):
    context = Context(3, precision=precision, **context)
    built = (backend or CupyBackend()).build(spec, with_biases(initial_state(spec, 0), 1), optimizer, context)
    built.attach(*images)
    return built


def assert_alike(actual, expected):
    """Compare states; a bias before a batch norm has a gradient of rounding errors, of which Adam makes steps."""
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(actual[key], value, rtol=1e-9, atol=1e-7, err_msg=key)


@pytest.mark.parametrize(
    ("name", "placement"), sometimes(product(CASES, PLACEMENTS), ("adam", "stream"), ("sum", "resident"))
)
def test_epochs_are_numpys(name, placement):
    """Two epochs of five steps, the last one smaller, at two rates: losses, counts and state."""
    keys, optimizer = CASES[name]
    spec, images = mlp([12, 9, 7, 4], shape=(3, 4), batch_size=8, **keys), labelled_images(60, (3, 4), 4)
    ours = network(spec, optimizer, images, placement=placement)
    theirs = network(spec, optimizer, images, backend=NumpyBackend())
    for epoch, rate in enumerate((0.01, 0.003)):
        order = epoch_order(0, epoch, np.arange(60))[:37]
        stats, expected = (built.train_epoch(epoch, order, rate) for built in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-11)
        np.testing.assert_array_equal(stats.sizes, [8, 8, 8, 8, 5])
        assert stats.correct == expected.correct
    assert ours.launch == "graph"
    assert_alike(ours.state(), theirs.state())
    ours.close()


@pytest.mark.parametrize("placement", sometimes(PLACEMENTS, "stream"))
def test_a_graph_has_the_bits_of_its_launches(monkeypatch, placement):
    """With dropout and batch norm, in float32: masks differ from step to step, and from epoch to epoch."""
    spec = mlp([12, 9, 7, 4], shape=(3, 4), batch_size=8, batch_norm=True, dropout=0.4)
    images = labelled_images(60, (3, 4), 4)
    captured = network(spec, Adam(), images, placement=placement, precision="float32")
    monkeypatch.setenv("HARNESS_NO_GRAPH", "1")
    eager = network(spec, Adam(), images, placement=placement, precision="float32")
    assert (captured.launch, eager.launch) == ("graph", "eager")
    for epoch in range(2):
        order = np.tile(epoch_order(0, epoch, np.arange(60))[:8], 4)
        stats, expected = (built.train_epoch(epoch, order, 0.0) for built in (captured, eager))
        np.testing.assert_array_equal(stats.losses, expected.losses)
        assert len(set(stats.losses)) == 4  # the same rows and parameters, other masks
        assert stats.correct == expected.correct
    stats, expected = (built.train_epoch(2, np.arange(37), 0.01) for built in (captured, eager))
    np.testing.assert_array_equal(stats.losses, expected.losses)
    for key, value in eager.state().items():
        np.testing.assert_array_equal(captured.state()[key], value, err_msg=key)


def test_layers_have_masks_of_their_own():
    """Two layers of one width, in one step."""
    spec, images = (
        mlp([12, 9, 9, 4], shape=(3, 4), batch_size=8, dropout=0.4, activation="tanh"),
        labelled_images(60, (3, 4), 4),
    )
    trainee = network(spec, SGD(), images)
    trainee.train_epoch(0, np.arange(8), 0.01)
    first, second = (part.tail.slope.get() != 0 for part in trainee._fused._chain.passes)
    assert 0 < first.mean() < 1
    assert (first != second).any()


def test_an_epoch_draws_the_same_masks_after_a_resumption():
    """They are a function of the seed, the epoch, the step, the layer and the element: of nothing that came before."""
    spec, images = mlp([12, 9, 4], shape=(3, 4), batch_size=8, dropout=0.4), labelled_images(60, (3, 4), 4)
    first, second = (network(spec, Adam(), images, precision="float32") for _ in range(2))
    first.train_epoch(0, np.arange(40), 0.01)
    second.load(first.state())
    stats, expected = (built.train_epoch(1, np.arange(40), 0.01) for built in (second, first))
    np.testing.assert_array_equal(stats.losses, expected.losses)


@pytest.mark.slow
def test_batches_from_the_host_are_numpys():
    """More of them than the attached rows make room for; then rows again, whose graph is of new addresses."""
    keys, optimizer = CASES["adam"]
    spec, images = mlp([12, 9, 4], shape=(3, 4), batch_size=8, **keys), labelled_images(20, (3, 4), 4)
    rng = np.random.default_rng(0)
    batches = [(rng.random((count, 3, 4), dtype=np.float32), rng.integers(0, 4, count)) for count in (*(8,) * 9, 3)]
    pair = [network(spec, optimizer, images, backend=backend) for backend in (CupyBackend(), NumpyBackend())]
    for epoch in range(2):
        stats, expected = (built.train_batches(epoch, batches, 0.01) for built in pair)
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-11)
        stats, expected = (built.train_epoch(epoch, np.arange(20), 0.01) for built in pair)
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-11)
    assert_alike(*(built.state() for built in pair))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("M0", 20), ("M1g", 26), ("M3b", 30)])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_launches_of_a_step(monkeypatch, name, most, placement):
    """Kernels, products and copies: what a second step adds to an epoch, without a graph and with one."""
    for no_graph in ("1", "0"):
        monkeypatch.setenv("HARNESS_NO_GRAPH", no_graph)
        trainee, rate = built(Placed(CupyBackend(), placement), name, "float32")
        counts = [launches(trainee, orders(steps).ravel(), rate) for steps in (1, 2)]
        copies = int(placement == "stream")
        step = counts[1] - counts[0]
        assert 4 <= step <= most if no_graph == "1" else step == 1 + copies


def launches(network, order, rate):
    """Return how many launches an epoch has."""
    from cupy import _order

    _order.Order.launched.clear()
    network.train_epoch(0, order, rate)
    return sum(_order.Order.launched.values())
