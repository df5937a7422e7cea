"""The CuPy step by kernels and a captured graph, on the double: what is launched, and when it is not a graph."""

from dataclasses import replace

import numpy as np
import pytest

from harness.builtin.losses import Focal
from harness.interfaces import WITHHELD, Activation, Context, Conv2d, Dropout, Flatten, GlobalAveragePool, Linear
from harness.optimizers import SGD, Adam, AdamW
from harness.seeding import initial_state
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.kernels import cublas
from harness_array.kernels.aside import Aside
from harness_array.kernels.plan import has_kernels
from tests.doubles import needs_compiler, strict_cupy
from tests.networks import labelled_images, mlp

__all__ = ["strict_cupy"]

pytestmark = [needs_compiler, pytest.mark.usefixtures("strict_cupy")]
IMAGES = labelled_images(44, (2, 3), 3)
ORDER = np.random.default_rng(0).permutation(44)
PLAIN = mlp([6, 5, 3], shape=(2, 3), batch_size=8)
COPIES = {"copy from the host", "copy to the host", "setitem", "getitem", "kernel", "zeros", "ones", "asarray"}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("HARNESS_NO_GRAPH", raising=False)


def attached(spec=PLAIN, backend=None, optimizer=Adam(), images=IMAGES, **context):  # noqa: B008 - frozen
    context = Context(0, **{"precision": "float64", "placement": "resident"} | context)
    built = (backend or CupyBackend()).build(spec, initial_state(spec, 0), optimizer, context)
    built.attach(*images)
    return built


def launched(network):
    """Return what an epoch launches, by name."""
    from cupy import _order

    _order.Order.launched.clear()
    network.train_epoch(0, ORDER, 0.01)
    return {name: count for name, count in _order.Order.launched.items() if name not in COPIES}


def test_a_full_batch_is_one_graph_and_the_last_one_the_same_launches():
    """44 rows are five batches of 8 and one of 4."""
    network = attached()
    assert network.launch == "graph"
    counts = launched(network)
    assert counts.pop("graph") == 5
    assert counts.pop("Dgemm") == 5
    assert counts == {
        **dict.fromkeys(["gather_bytes", "bias_activation", "softmax_cross_entropy", "column_sums"], 1),
        **dict.fromkeys(["activation_backward", "adam", "finish"], 1),
    }


@pytest.mark.parametrize("function", ["begin_capture", "end_capture"])
def test_where_a_capture_fails_launches_are_eager(strict_cupy, monkeypatch, caplog, function):
    """From then on, with the reason kept, and a warning; no stream is left capturing, and the numbers are the same."""
    from cupy import _order

    inner = getattr(strict_cupy.cuda.Stream, function)

    def refuse(self):
        if function == "end_capture":
            inner(self)
        raise RuntimeError("cudaErrorStreamCaptureInvalidated")

    expected = attached().train_epoch(0, ORDER, 0.01)
    monkeypatch.setattr(strict_cupy.cuda.Stream, function, refuse)
    network = attached()
    assert network.launch == "eager"
    assert "cudaErrorStreamCaptureInvalidated" in network._fused.failure
    assert "no graph can be captured: RuntimeError: cudaErrorStreamCaptureInvalidated" in caplog.text
    assert not _order.Order.capturing
    stats = network.train_epoch(0, ORDER, 0.01)
    np.testing.assert_array_equal(stats.losses, expected.losses)
    assert stats.correct == expected.correct


def test_without_cublas_training_is_cupys_own_operations(monkeypatch, caplog):
    """A warning says why; the network trains as it did before there were kernels."""

    def library():
        raise OSError("libcublas is not here")

    expected = attached().train_epoch(0, ORDER, 0.01)
    monkeypatch.setattr(cublas, "library", library)
    network = attached()
    assert network.launch == "eager"
    assert "libcublas is not here" in caplog.text
    assert "adam" not in launched(network)
    np.testing.assert_allclose(attached().train_epoch(0, ORDER, 0.01).losses, expected.losses, rtol=1e-12)


class Halving:
    """A third party's rule."""

    def init(self, _parameters):
        """Return no state."""
        return {}

    def update(self, parameters, gradients, state, learning_rate):
        """Return half of them."""
        return parameters * (1.0 - 0.5 * learning_rate) - 0.0 * gradients, state


@pytest.mark.parametrize(
    "case",
    [
        (replace(PLAIN, loss=Focal()), Adam()),
        (PLAIN, Halving()),
        (replace(PLAIN, layers=(Linear(6, 3), Activation("tanh"))), SGD()),
        (replace(PLAIN, layers=(Conv2d(1, 3, 2), GlobalAveragePool())), SGD()),
    ],
    ids=["loss", "optimizer", "an activation at the end", "a pool at the end"],
)
def test_what_has_no_kernel_trains_as_before(case):
    """By CuPy's own operations: a loss, a third party's optimizer, logits that are not a linear layer's."""
    spec, optimizer = case
    networks = [attached(spec, backend, optimizer) for backend in (CupyBackend(), NumpyBackend())]
    assert [network.launch for network in networks] == ["eager", None]
    losses = [network.train_epoch(0, ORDER, 0.01).losses for network in networks]
    np.testing.assert_allclose(*losses, rtol=1e-10)


@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9), AdamW()], ids=repr)
def test_a_checkpoint_goes_from_one_way_of_training_to_the_other(monkeypatch, optimizer):
    """Kernels to CuPy's operations and back: moments and step count go with it."""
    fused = attached(optimizer=optimizer)
    monkeypatch.setattr(cublas, "library", lambda: None)
    plain = attached(optimizer=optimizer)
    assert plain._fused is None
    for first, second in ((fused, plain), (plain, fused)):
        first.train_epoch(0, ORDER, 0.05)
        second.load(first.state())
        losses = [built.train_epoch(1, ORDER, 0.05).losses for built in (first, second)]
        np.testing.assert_allclose(*losses, rtol=1e-10)


def test_a_withheld_label_is_a_loss_that_is_not_finite():
    """It indexes nothing, and the core ends the trial."""
    network = attached(images=(IMAGES[0], np.where(np.arange(44) == ORDER[9], WITHHELD, IMAGES[1])))
    losses = network.train_epoch(0, ORDER, 0.0).losses
    assert np.isnan(losses[1])
    assert np.isfinite(np.delete(losses, 1)).all()


def test_dropout_keeps_its_share_and_draws_anew_in_every_step_and_epoch():
    """Equal keys draw equal masks, and the way back has the mask of the way there."""
    spec = mlp([6, 400, 3], shape=(2, 3), batch_size=8, dropout=0.3)
    network = attached(spec)
    state = network.state()

    def mask(epoch, steps):
        network.load(state)
        network.train_epoch(epoch, np.tile(ORDER[:8], steps), 0.0)
        hidden = network._fused._chain.passes[0].tail
        y, slope = hidden.y.get(), hidden.slope.get()
        np.testing.assert_array_equal(y > 0, slope > 0)
        assert set(np.unique(slope)) == {0.0, 1.0 / 0.7}
        return slope > 0

    once, again, later, next_epoch = mask(0, 1), mask(0, 1), mask(0, 2), mask(1, 1)
    np.testing.assert_array_equal(once, again)
    positive = once | later | next_epoch | mask(2, 1) | mask(3, 1) | mask(4, 1)
    assert (once != later).any()
    assert (once != next_epoch).any()
    assert once.sum() / positive.sum() == pytest.approx(0.7, abs=0.05)


def test_a_gradient_that_is_not_waited_for_is_found(monkeypatch):
    """The update reads what the second stream writes: without the wait, no capture ends and eager launches race."""
    monkeypatch.setattr(Aside, "awaited", lambda _self, launch: launch)
    with pytest.raises(AssertionError, match="with no event or wait between"):
        attached()


def test_a_last_batch_of_one_row_has_no_batch_norm():
    network = attached(mlp([6, 5, 3], shape=(2, 3), batch_size=8, batch_norm=True))
    with pytest.raises(ValueError, match="a training batch of one row has no variance"):
        network.train_epoch(0, ORDER[:9], 0.01)
    network.train_epoch(0, ORDER, 0.01)


def test_closing_destroys_every_handle(strict_cupy, monkeypatch):
    """Both cuBLAS handles, and the graphs with them."""
    library = cublas.library()
    monkeypatch.setattr(cublas, "library", lambda: library)
    network = attached()
    assert len(library.handles) == 2
    network.close()
    assert not library.handles
    assert strict_cupy.get_default_memory_pool().freed


def test_a_batch_that_indices_of_32_bits_cannot_count_has_no_kernels():
    assert has_kernels(PLAIN, np.dtype(np.uint8))
    assert not has_kernels(replace(PLAIN, batch_size=1 << 28), np.dtype(np.uint8))
    assert not has_kernels(PLAIN, np.dtype(np.float64))


@pytest.mark.parametrize("layers", [(Linear(6, 3),), (Flatten(), Linear(6, 4), Dropout(0.0), Linear(4, 3))], ids=repr)
def test_a_network_without_activations_has_kernels(layers):
    """A linear model, and one whose rows are flattened first."""
    networks = [attached(replace(PLAIN, layers=layers), backend) for backend in (CupyBackend(), NumpyBackend())]
    assert networks[0].launch == "graph"
    losses = [network.train_epoch(0, ORDER, 0.01).losses for network in networks]
    np.testing.assert_allclose(*losses, rtol=1e-10)
