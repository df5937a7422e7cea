"""The backend ``cupy`` on a strict double of CuPy: what a machine without a GPU can show of it."""

from dataclasses import replace

import numpy as np
import pytest

from harness.conformance import BackendConformance
from harness.interfaces import WITHHELD, Context
from harness.optimizers import SGD, Adam, AdamW
from harness.seeding import epoch_order, initial_state
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.cuda import Cuda
from tests.doubles import device_bytes, strict_cupy
from tests.networks import labelled_images, mlp
from tests.parity import STEPS, Placed, assert_steps_agree, built, orders

__all__ = ["strict_cupy"]

pytestmark = pytest.mark.usefixtures("strict_cupy")
PLACEMENTS = ["stream", "resident"]


@pytest.mark.parametrize("placement", ["stream", pytest.param("resident", marks=pytest.mark.slow)])
class TestCupyOnTheDouble(BackendConformance):
    name = "cupy"

    @pytest.fixture(autouse=True)
    def placed(self, placement, monkeypatch):
        """Keep the images there."""
        build = CupyBackend.build
        monkeypatch.setattr(
            CupyBackend,
            "build",
            lambda self, spec, initial, optimizer, context: build(
                self, spec, initial, optimizer, replace(context, placement=placement)
            ),
        )


def network(spec, *, backend=None, optimizer=Adam(), precision="float64", images=None, **context):  # noqa: B008 - frozen
    context = Context(0, precision=precision, **context)
    trainee = (backend or CupyBackend()).build(spec, initial_state(spec, 0), optimizer, context)
    if images is not None:
        trainee.attach(*images)
    return trainee


@pytest.mark.slow
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("optimizer", [SGD(), SGD(momentum=0.9, nesterov=True), Adam(), AdamW()], ids=repr)
def test_epochs_of_many_steps_are_numpys(placement, optimizer):
    """Two epochs of thirteen steps, the last one smaller: losses, counts, predictions and state are numpy's.

    Batch norm with plain descent alone: a bias below it has a gradient of 0 but for rounding, and Adam makes a whole
    step of that.
    """
    norm = isinstance(optimizer, SGD)
    spec = mlp([12, 9, 9, 4], shape=(3, 4), activation="gelu", batch_norm=norm, batch_size=8, weight_decay=1e-3, l2=0.1)
    images = labelled_images(100, (3, 4), 4)
    ours = network(spec, optimizer=optimizer, images=images, placement=placement)
    theirs = network(spec, backend=NumpyBackend(), optimizer=optimizer, images=images)
    assert ours.placement == placement
    for epoch in range(2):
        order = epoch_order(0, epoch, np.arange(100))
        stats, expected = (each.train_epoch(epoch, order, 0.01) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-10)
        assert stats.correct == expected.correct
    np.testing.assert_allclose(ours.predict(np.arange(100)), theirs.predict(np.arange(100)), rtol=1e-5, atol=1e-6)
    state = ours.state()
    for key, value in theirs.state().items():
        np.testing.assert_allclose(state[key], value, rtol=1e-6, atol=1e-9, err_msg=key)
    ours.close()


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", ["M0", pytest.param("M3b", marks=pytest.mark.slow)])
def test_fifty_steps_agree_in_float64(name, placement):
    """Ten epochs of five steps: each loss within 1e-10, relative, of numpy's."""
    backend = Placed(CupyBackend(), placement)
    (ours, rate), (theirs, _) = (built(trainer, name, "float64") for trainer in (backend, NumpyBackend()))
    for epoch in orders(STEPS).reshape(10, -1):
        mine, other = (trainee.train_epoch(0, epoch, rate) for trainee in (ours, theirs))
        np.testing.assert_allclose(mine.losses, other.losses, rtol=1e-10)
        assert mine.correct == other.correct


@pytest.mark.parametrize("placement", ["stream", pytest.param("resident", marks=pytest.mark.slow)])
def test_restarted_steps_agree_in_float32(placement):
    """Loss and gradient of each step within 1e-5 of float64's."""
    backend = Placed(CupyBackend(), placement)
    assert_steps_agree("M0", backend)


def test_dropout_draws_on_the_device(strict_cupy):
    """The share that is kept is the rate's, and equal keys draw equal masks."""
    from harness_array.cuda import Cuda

    first, second = (strict_cupy.empty((200, 300), dtype=bool) for _ in range(2))
    for mask in (first, second):
        Cuda(0).keep_mask((1, 2, 3), 0.7, mask)
    np.testing.assert_array_equal(first.get(), second.get())
    assert first.get().mean() == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_call_of_a_network_uses_its_own_device(strict_cupy, placement):
    """Two networks of one process on two devices take turns; the current device is afterwards what it was."""
    spec = mlp([6, 5, 3], batch_norm=True, dropout=0.2, batch_size=8)
    images = labelled_images(40, spec.input_shape, 3)
    networks = [network(spec, images=images, placement=placement, device=f"cuda:{index}") for index in (1, 0)]
    for member in networks * 2:
        member.train_epoch(0, np.arange(40), 0.01)
        member.predict(np.arange(40))
        member.predict_images(images[0].astype(np.float32) / np.float32(255))
        member.load(member.state())
        member.synchronize()
        assert strict_cupy.cuda.Device().id == 0
    products = CupyBackend().matrix_products([(4, 5, 6)], Context(0, device="cuda:1"))
    assert products() is None
    for member in networks:
        member.close()


def test_peak_memory_is_what_the_networks_own_arrays_held_at_once():
    """A large network before it, still alive or closed, does not count; nor does what the pool keeps."""
    small, large = (mlp([6, width, 3], batch_size=8) for width in (5, 500))
    images = labelled_images(40, (1, 6), 3)

    def peak(spec):
        trainee = network(spec, images=images)
        return trainee, trainee.train_epoch(0, np.arange(40), 0.01).peak_device_bytes

    _, alone = peak(small)
    before, more = peak(large)
    _, beside = peak(small)
    assert beside == alone
    assert more > alone + 1024 * 500 * 8
    before.close()
    assert peak(small)[1] == alone
    assert alone > 4 * 8 * small.parameter_count()


def test_closing_frees_every_array_and_the_pools_blocks(strict_cupy):
    """A network that is closed, even while something still refers to it, holds nothing on the device."""
    from cupy import _account

    with device_bytes(strict_cupy) as memory:
        trainee = network(mlp([6, 5, 3], batch_norm=True, dropout=0.2), images=labelled_images(40, (1, 6), 3))
        trainee.train_epoch(0, np.arange(40), 0.01)
        assert memory.bytes
        trainee.close()
        assert not memory.bytes
    assert strict_cupy.get_default_memory_pool().freed
    assert strict_cupy.get_default_pinned_memory_pool().freed
    assert not _account.Host.pinned


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_nothing_of_a_set_is_pinned_but_two_batches(placement, monkeypatch):
    """The set goes to the device in parts, from memory that is not pinned; so do labels, orders and states."""
    from cupy import _account

    monkeypatch.setattr("harness_array.cuda.COPY_BYTES", 100)
    spec = mlp([12, 5, 3], shape=(3, 4), batch_size=8)
    images, labels = labelled_images(1001, (3, 4), 3)
    trainee = network(spec, images=(images[::-1], labels), placement=placement)
    predictions = trainee.predict(np.arange(1001))
    theirs = network(spec, backend=NumpyBackend(), images=(images[::-1], labels))
    np.testing.assert_allclose(predictions, theirs.predict(np.arange(1001)), rtol=1e-5, atol=1e-6)
    sizes = [end - start for start, end in _account.Host.pinned.items()]
    assert sizes == ([Cuda.predict_rows * 12] * 2 if placement == "stream" else [])
    assert not _account.Host.staged


def test_kernels_are_compiled_before_the_first_epoch(strict_cupy, monkeypatch):
    """What an epoch and a prediction use has been used once when `attach` returns; it leaves no trace in the state."""
    spec = mlp([6, 5, 3], activation="silu", batch_norm=True, dropout=0.2, batch_size=8, l2=0.1)
    images, labels = labelled_images(40, (1, 6), 3)
    used = set()
    call = strict_cupy.ufunc.__call__

    def noted(self, *args, **keys):
        used.add(self.name)
        return call(self, *args, **keys)

    monkeypatch.setattr(strict_cupy.ufunc, "__call__", noted)
    trainee = network(spec)
    before = trainee.state()
    trainee.attach(images, np.where(np.arange(40) < 20, WITHHELD, labels))
    warm = set(used)
    for key, value in trainee.state().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key, strict=True)
    used.clear()
    trainee.train_epoch(0, np.arange(20, 40), 0.01)
    trainee.predict(np.arange(40))
    assert used <= warm


def test_a_set_of_one_row_is_attached():
    """There is no batch to warm up with: batch norm needs two rows."""
    network(mlp([6, 5, 3], batch_norm=True), images=labelled_images(1, (1, 6), 3)).predict(np.arange(1))


def test_a_device_without_cudas_libraries_is_unavailable(strict_cupy, monkeypatch):
    """The device is there, its first product fails: the reason names what is missing, and what brings it."""
    assert CupyBackend().unavailable("cuda:1") is None
    assert CupyBackend().unavailable("cuda:2") == "no CUDA device 2: there are 2"

    def matmul(*_args, **_keys):
        raise ImportError("libcublas.so.13: cannot open shared object file:\n No such file")

    monkeypatch.setattr(strict_cupy, "matmul", matmul)
    assert CupyBackend().unavailable("auto") == (
        "CuPy cannot multiply on CUDA device 0: ImportError: libcublas.so.13: cannot open shared object file: "
        'No such file. CUDA\'s libraries come with pip install "nn-harness[cupy]"'
    )


def test_the_environment_has_what_can_change_a_bit_or_a_second(monkeypatch):
    """Driver, TF32, clock and power limit; the present clock, which changes under load, is not of it."""
    monkeypatch.setenv("CUPY_TF32", "1")
    monkeypatch.setattr("harness_array.backends.driver_version", lambda: "580.95.05")
    monkeypatch.setattr("harness_array.backends.limits", lambda gpu: {"power_limit": f"700 W of {gpu}"})
    assert CupyBackend().environment("cuda:1") == {
        "device": "DOUBLE 1",
        "cupy": "14.2.0+double",
        "cuda_driver": "580.95.05",
        "cuda_of_driver": "13020",
        "cuda_runtime": "13020",
        "cupy_tf32": "1",
        "power_limit": "700 W of 0000:01:00.0",
    }
