"""M4a and M4f of `suites/future-work.toml` on a CUDA device, at their own size, against ``numpy``.

Each test runs on the double of CuPy too, on networks of a few pixels, so that a machine without a GPU exercises it.
"""

import gc
from dataclasses import dataclass, replace

import numpy as np
import pytest

from harness.bench import load_networks
from harness.builtin.models import cnn, resnet
from harness.interfaces import Dropout, NetworkSpec
from harness.optimizers import SGD, Adam
from harness.plugins.loading import registry
from harness.seeding import epoch_order
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.kernels.aside import Aside
from tests.doubles import needs_compiler, strict_cupy
from tests.image_networks import built
from tests.networks import labelled_images
from tests.parity import SUITE
from tests.test_fused_step import assert_alike
from tests.test_gpu_parity import skip_unless_available

__all__ = ["strict_cupy"]

PLACES = [
    pytest.param("device", marks=pytest.mark.gpu),
    pytest.param("double", marks=[needs_compiler, pytest.mark.slow]),
]
each_network = pytest.mark.parametrize("name", ["M4a", "M4f"])
each_placement = pytest.mark.parametrize("placement", ["stream", "resident"])


@dataclass(frozen=True)
class Size:
    """How large networks are, and how many images there are: two batches and a smaller one."""

    side: int
    channels: tuple[int, ...]
    dense: int
    batch: int
    rows: int

    def spec(self, name, *, dropout=0.0):
        """Return one of the suite's networks at that size."""
        image = self.side, self.side
        if name == "M4a":
            layers = cnn(image, 10, channels=list(self.channels[1:]), dense=[self.dense], dropout=dropout)
        else:
            layers = resnet(image, 10, channels=list(self.channels))
        return NetworkSpec(image, 10, layers, batch_size=self.batch, gradient="mean")

    def images(self, seed=0):
        """Return images and labels."""
        return labelled_images(self.rows, (self.side, self.side), 10, seed)


SUITES = Size(28, (8, 16, 32), 128, 128, 300)


@pytest.fixture(params=PLACES)
def size(request):
    """Return the size of what is trained: the suite's own on a CUDA device."""
    if request.param == "double":
        request.getfixturevalue("strict_cupy")
        return Size(8, (2, 2, 3), 6, 4, 11)
    skip_unless_available(CupyBackend(), "cuda")
    return SUITES


@pytest.fixture(params=["graph", "eager"])
def launch(request, monkeypatch):
    """Return how steps are launched: in a graph, or one by one."""
    monkeypatch.setenv("HARNESS_NO_GRAPH", str(int(request.param == "eager")))
    return request.param


def of_cupy(spec, images, **keys):
    return built(CupyBackend(), spec, images, **keys)


def assert_equal_states(actual, expected):
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(actual[key], value, err_msg=key)


@each_network
@each_placement
def test_epochs_are_numpys(size, name, placement, launch):
    """In float64 losses, counts and state of two epochs, however the batches are launched, the last one smaller."""
    spec, images = size.spec(name), size.images()
    ours = of_cupy(spec, images, optimizer=Adam(), placement=placement)
    theirs = built(NumpyBackend(), spec, images, optimizer=Adam())
    assert (ours.launch, ours.placement) == (launch, placement)
    for epoch in range(2):
        order = epoch_order(0, epoch, np.arange(size.rows))
        stats, expected = (each.train_epoch(epoch, order, 1e-3) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-9)
        assert stats.correct == expected.correct
        assert stats.peak_device_bytes > 0
    assert ours.launch == launch
    assert_alike(ours.state(), theirs.state())
    ours.close()


@each_network
def test_a_step_in_float32_is_numpys_in_float64_to_rounding(size, name):
    """Losses of the epoch's steps, from an equal start."""
    spec, images = size.spec(name), size.images()
    networks = of_cupy(spec, images, precision="float32"), built(NumpyBackend(), spec, images)
    losses = [each.train_epoch(0, np.arange(size.rows), 1e-4).losses for each in networks]
    np.testing.assert_allclose(*losses, rtol=2e-5)
    networks[0].close()


@each_network
def test_any_number_of_rows_is_numpys(size, name, launch):
    """Of one network: fewer than a batch, odd numbers, a batch and two rows; none leaves anything for the next."""
    spec, images = size.spec(name), size.images()
    ours, theirs = (
        built(trainer, spec, images, optimizer=SGD(momentum=0.9)) for trainer in (CupyBackend(), NumpyBackend())
    )
    for epoch, rows in enumerate([2, size.batch - 1, size.batch, size.batch + 2, 2 * size.batch, 3, size.rows]):
        order = np.random.default_rng(epoch).permutation(size.rows)[:rows]
        stats, expected = (each.train_epoch(epoch, order, 1e-3) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-9, err_msg=f"{rows} rows")
    assert ours.launch == launch
    assert_alike(ours.state(), theirs.state())
    ours.close()


@each_network
def test_batches_from_the_host_are_attached_ones(size, name, launch):
    """Augmented images come this way; the graph of attached images and that of the host's take turns."""
    spec, (images, labels) = size.spec(name), size.images()
    ours, theirs = (built(trainer, spec, (images, labels)) for trainer in (CupyBackend(), NumpyBackend()))
    parts = [slice(start, start + size.batch) for start in range(0, size.rows, size.batch)]
    batches = [(images[part].astype(np.float32) / 255, labels[part]) for part in parts]
    for epoch in range(3):
        stats, expected = (each.train_batches(epoch, batches, 1e-3) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-9)
        stats, expected = (each.train_epoch(epoch, np.arange(size.rows), 1e-3) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-9)
    assert ours.launch == launch
    ours.close()


@each_network
def test_predictions_and_input_gradients_are_numpys(size, name):
    """Before and after an epoch: CuPy's own operations, of what the kernels have written."""
    spec, images = size.spec(name), size.images()
    rows, floats = np.arange(size.rows), images[0].astype(np.float32) / 255
    ours, theirs = (built(trainer, spec, images) for trainer in (CupyBackend(), NumpyBackend()))
    for epoch in range(2):
        np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(ours.predict_images(floats), theirs.predict_images(floats), rtol=1e-5, atol=1e-6)
        gradients = [each.input_gradient(floats, images[1]) for each in (ours, theirs)]
        np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-6)
        for each in (ours, theirs):
            each.train_epoch(epoch, rows, 1e-3)
    ours.close()


@each_placement
def test_networks_of_one_process_do_not_meet(size, placement):
    """Of two kinds and sizes that train in turns, dropout on: the bits that each has alone; no memory stays of them."""
    import cupy

    pool = cupy.get_default_memory_pool()
    specs = [size.spec("M4a", dropout=0.3), replace(size.spec("M4f"), batch_size=size.batch // 2 + 1)]
    keys = {"precision": "float32", "placement": placement, "optimizer": Adam()}

    def trained(*chosen):
        networks = [of_cupy(spec, size.images(seed), **keys) for seed, spec in chosen]
        for epoch in range(2):
            for network in networks:
                network.train_epoch(epoch, np.arange(size.rows), 1e-3)
        states = [network.state() for network in networks]
        for network in networks:
            assert network.launch == "graph"
            network.close()
        return states

    gc.collect()  # what earlier tests left
    used_before = getattr(pool, "used_bytes", int)()  # the double's pool does not count
    alone = [trained(chosen)[0] for chosen in enumerate(specs)]
    for together, expected in zip(trained(*enumerate(specs)), alone, strict=True):
        assert_equal_states(together, expected)
    assert getattr(pool, "used_bytes", int)() <= used_before


@each_network
def test_where_a_capture_is_refused_launches_are_eager(size, name, monkeypatch, caplog):
    """By the driver itself, as a stream that captures cannot be waited for: the same bits, and a warning."""
    spec, images = size.spec(name), size.images()
    expected = of_cupy(spec, images, precision="float32")
    awaited = Aside.awaited

    def waits(self, following):
        after = awaited(self, following)

        def wait():
            self._main.synchronize()
            after()

        return wait

    monkeypatch.setattr(Aside, "awaited", waits)
    refused = of_cupy(spec, images, precision="float32")
    assert (expected.launch, refused.launch) == ("graph", "eager")
    assert "no graph can be captured: " in caplog.text
    for epoch in range(2):
        losses = [each.train_epoch(epoch, np.arange(size.rows), 1e-3).losses for each in (refused, expected)]
        np.testing.assert_array_equal(*losses)
    assert_equal_states(refused.state(), expected.state())
    for each in (expected, refused):
        each.close()


def test_the_networks_are_the_suites():
    """Those of a device's size; a batch of these tests has no dropout, which draws other bits than ``numpy``'s."""

    def form(spec):
        layers = [layer for layer in spec.layers[:-1] if not isinstance(layer, Dropout)]
        return layers, spec.batch_size, spec.gradient

    for network in load_networks(registry(), SUITE.with_name("future-work.toml")).named(["M4a", "M4f"]):
        assert form(network.spec) == form(SUITES.spec(network.name))
