"""How the step of networks of images is launched, on the double: graphs, masks, memory, and where there is no room."""

import numpy as np
import pytest

from harness.builtin.models import cnn, resnet
from harness.interfaces import Activation, BatchNorm, Context, Conv2d, Dropout, Flatten, Linear, NetworkSpec, Residual
from harness.optimizers import SGD, Adam
from harness_array.backends import CupyBackend
from harness_array.convolution import ConvolutionLayer
from harness_array.cuda import Cuda
from harness_array.kernels import cublas
from harness_array.kernels.tools import Tools
from tests.doubles import device_bytes, needs_compiler, strict_cupy
from tests.image_networks import float64_state, spec_of
from tests.networks import labelled_images
from tests.test_fused_step import PLACEMENTS, launches, sometimes
from tests.test_image_step import network

__all__ = ["strict_cupy"]

pytestmark = [needs_compiler, pytest.mark.usefixtures("strict_cupy")]
DROPPING = (
    Conv2d(1, 4, kernel=3, padding=1), BatchNorm(4), Activation("silu"), Dropout(0.3),
    Residual((Dropout(0.5), Conv2d(4, 4, kernel=3, padding=1), BatchNorm(4), Dropout(0.4))), Flatten(),
    Linear(144, 20), Activation("relu"), Dropout(0.5), Linear(20, 10),
)  # fmt: skip


@pytest.mark.parametrize("placement", sometimes(PLACEMENTS, "resident"))
def test_a_graph_has_the_bits_of_its_launches(monkeypatch, placement):
    """With dropout, some of it in a residual, in float32: masks differ from step to step, and from epoch to epoch."""
    spec = NetworkSpec((6, 6), 10, DROPPING, batch_size=16)
    keys = {"optimizer": Adam(), "placement": placement, "precision": "float32"}
    captured = network(spec, **keys)
    monkeypatch.setenv("HARNESS_NO_GRAPH", "1")
    eager = network(spec, **keys)
    assert (captured.launch, eager.launch) == ("graph", "eager")
    seen = set()
    for epoch in range(2):
        order = np.tile(np.arange(16), 4)
        stats, expected = (built.train_epoch(epoch, order, 0.0) for built in (captured, eager))
        np.testing.assert_array_equal(stats.losses, expected.losses)
        seen |= set(stats.losses)
    assert len(seen) == 8  # the same rows and parameters, other masks
    stats, expected = (built.train_epoch(2, np.arange(75), 0.01) for built in (captured, eager))
    np.testing.assert_array_equal(stats.losses, expected.losses)
    for key, value in eager.state().items():
        np.testing.assert_array_equal(captured.state()[key], value, err_msg=key)


def test_each_dropout_has_a_mask_of_its_own():
    """In a residual too: of two layers of one size, in one step."""
    layers = (Conv2d(1, 2, 1), Dropout(0.5), Residual((Conv2d(2, 2, 1), Dropout(0.5))), Flatten(), Linear(72, 10))
    built = network(NetworkSpec((6, 6), 10, layers, batch_size=16))
    built.train_epoch(0, np.arange(16), 0.01)
    first, branch = built._fused._chain.passes
    masks = [part.tail.slope.get() != 0 for part in (first, *branch._chain.passes)]
    assert all(0.4 < mask.mean() < 0.6 for mask in masks)
    assert (masks[0] != masks[1]).any()


def test_closing_frees_every_array(strict_cupy):
    """Of a convolution, a pool and a residual too."""
    with device_bytes(strict_cupy) as memory:
        built = network(spec_of("resnet"))
        assert memory.bytes
        built.close()
        assert not memory.bytes


def test_parts_of_a_gradient_have_room_only_where_it_is_divided():
    """A perceptron keeps no second copy of its weights."""
    layers = (Conv2d(1, 2, 3, padding=1), Flatten(), Linear(2048, 10))
    built = network(NetworkSpec((32, 32), 10, layers, batch_size=3), rows=8)
    assert built._fused._chain.passes[0]._product._parts.shape == (3, 18)
    assert built._fused._head.product._parts is None


@pytest.mark.parametrize("kernels", [True, False])
def test_the_gradient_of_images_has_memory_of_cupys_own_only_without_kernels(monkeypatch, kernels):
    """It is as large as all patches of a prediction's images, and kernels have their own."""
    monkeypatch.setattr(Cuda, "has_kernels", kernels)
    built = network(spec_of("cnn"))
    built.train_epoch(0, np.arange(75), 0.01)
    built.input_gradient(np.zeros((3, 8, 8), np.float32), np.zeros(3, np.int64))
    convolutions = [layer for layer in built._layers if isinstance(layer, ConvolutionLayer)]
    assert [len(layer._input_gradients) for layer in convolutions] == [0, int(not kernels)]


@pytest.mark.slow
def test_a_checkpoint_goes_from_one_way_of_training_to_the_other(monkeypatch):
    """Kernels to CuPy's own operations and back."""
    spec = spec_of("resnet")
    fused = network(spec, optimizer=Adam())
    monkeypatch.setattr(cublas, "library", lambda: None)
    plain = network(spec, optimizer=Adam())
    assert (fused.launch, plain.launch) == ("graph", "eager")
    for first, second in ((fused, plain), (plain, fused)):
        first.train_epoch(0, np.arange(75), 0.01)
        second.load(first.state())
        losses = [built.train_epoch(1, np.arange(75), 0.01).losses for built in (first, second)]
        np.testing.assert_allclose(*losses, rtol=1e-10)


def test_without_room_for_patches_training_is_cupys_own_operations(monkeypatch, caplog):
    """A warning says why; no handle of cuBLAS stays."""
    library = cublas.library()
    monkeypatch.setattr(cublas, "library", lambda: library)

    def matrix(_self, rows, width):
        msg = f"Out of memory allocating {4 * rows * width} bytes"
        raise MemoryError(msg)

    monkeypatch.setattr(Tools, "matrix", matrix)
    built = network(spec_of("cnn"))
    assert built.launch == "eager"
    assert "Out of memory allocating" in caplog.text
    assert not library.handles
    built.train_epoch(0, np.arange(75), 0.01)


MODELS = {
    "M4a": (cnn, {"channels": [16, 32], "dense": [128], "dropout": 0.3}, 33),
    "M4f": (resnet, {"channels": [8, 16, 32]}, 116),
}
"""`suites/future-work.toml`'s networks, and how many launches a step has."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "placement"), [("M4a", "stream"), ("M4f", "resident")])
def test_launches_of_a_step(monkeypatch, name, placement):
    """Kernels, products and copies: what a second step adds to an epoch, without a graph and with one.

    Of 48 images, so that the products of all gradients of weights are divided, as they are of a batch of 128.
    """
    factory, options, count = MODELS[name]
    spec = NetworkSpec((28, 28), 10, factory((28, 28), 10, **options), batch_size=48)
    for no_graph in ("1", "0"):
        monkeypatch.setenv("HARNESS_NO_GRAPH", no_graph)
        built = network(spec, precision="float32", placement=placement, optimizer=Adam())
        counts = [launches(built, np.arange(48 * steps) % 75, 0.01) for steps in (1, 2)]
        copies = int(placement == "stream")
        step = counts[1] - counts[0]
        assert step == (count if no_graph == "1" else 1) + copies


def test_context_is_that_of_the_backend():
    """A network of float64 has kernels of float64: no product in float32."""
    from cupy import _order

    built = CupyBackend().build(
        spec_of("cnn"), float64_state(spec_of("cnn")), SGD(), Context(0, device="auto", precision="float64")
    )
    built.attach(*labelled_images(40, (8, 8), 10))
    _order.Order.launched.clear()
    built.train_epoch(0, np.arange(40), 0.01)
    assert _order.Order.launched["Dgemm"]
    assert not _order.Order.launched["Sgemm"]
