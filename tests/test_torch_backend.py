"""Torch's dropout, precision, images and devices, what it leaves as it was, and what it says where it cannot run."""

# ruff: noqa: E402 - what follows the check for torch imports it

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from harness.optimizers import Adam
from harness.seeding import initial_state
from harness_torch.backend import TorchBackend, resolve
from harness_torch.dropout import DeviceMasks, HostMasks, KeyedDropout
from harness_torch.images import AttachedImages
from tests.networks import labelled_images, mlp
from tests.torch_networks import assert_same_bits, network, on_each_device

pytestmark = pytest.mark.usefixtures("torch_threads")


def test_dropout_masks_depend_on_seed_epoch_and_step_alone():
    """Equal keys, equal losses; another seed, epoch or step, another mask."""
    spec = mlp([6, 40, 40, 3], dropout=0.5, batch_size=8)
    images = labelled_images(16, spec.input_shape, 3)
    twice = np.tile(np.arange(8), 2)

    def losses(seed, epoch):
        built = network(spec, state=initial_state(spec, 0), seed=seed, images=images)
        return built.train_epoch(epoch, twice, 1e-9).losses

    first = losses(0, 0)
    np.testing.assert_array_equal(first, losses(0, 0))
    assert first[0] != pytest.approx(first[1], rel=1e-5)
    assert first[0] != pytest.approx(losses(1, 0)[0], rel=1e-5)
    assert first[0] != pytest.approx(losses(0, 1)[0], rel=1e-5)


@pytest.mark.parametrize(("dropout", "restarts"), [(0.0, 0), (0.5, 5)])
def test_masks_are_keyed_anew_only_where_there_is_dropout(monkeypatch, dropout, restarts):
    """A seed takes longer to make than a small step."""
    keys = []
    monkeypatch.setattr(HostMasks, "restart", lambda _self, key: keys.append(key))
    built = network(mlp([6, 5, 3], dropout=dropout, batch_size=8), images=labelled_images(40, (1, 6), 3))
    built.train_epoch(2, np.arange(40), 0.01)
    assert keys == [(0, 2, step) for step in range(restarts)]


def test_a_key_always_has_the_same_draws():
    """In whatever order keys come, one again too; and as NumPy's generator has them, seeded by the key alone."""

    def drawn(masks, key):
        masks.restart(key)
        mask = torch.empty(3, 5)
        masks.fill(mask, 0.5)
        return mask.tolist()

    masks, keys = HostMasks(), [(7, 0, 0), (7, 0, 1), (7, 0, 0), (7, 1, 40), (7, 0, 2), (7, 1, 41), (7, 0, 100)]
    assert [drawn(masks, key) for key in keys] == [drawn(HostMasks(), key) for key in keys]
    bits = np.random.SFC64(np.random.SeedSequence((7, 1, 41))).random_raw(4).view(np.int16)[:15].reshape(3, 5)
    assert drawn(masks, (7, 1, 41)) == (bits >= 0).tolist()


@on_each_device
@pytest.mark.parametrize("source", [HostMasks, DeviceMasks])
@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_dropout_zeroes_its_share_and_divides_the_rest(rate, in_place, source, device):
    """Inverted dropout; two layers of one step draw different masks, and the gradient passes where the value did."""
    if source is HostMasks and device != "cpu":
        pytest.skip("the host's draws are for the CPU")
    masks = HostMasks() if source is HostMasks else DeviceMasks(torch.device(device))
    masks.restart((1, 2, 3))
    first, second = (
        KeyedDropout(rate, masks, torch.empty(1000, 1000, device=device), in_place=in_place) for _ in range(2)
    )
    x = torch.ones(999, 1000, device=device, requires_grad=True)
    activated = x.clone()
    result = first(activated)
    assert (result.data_ptr() == activated.data_ptr()) is in_place
    retained = result != 0
    # Five standard deviations of a mean of a million draws, and what 16 bits round off.
    bound = 5 * np.sqrt(rate * (1 - rate) / 999_000) + 1 / 65_536
    assert retained.double().mean().item() == pytest.approx(1 - rate, abs=bound)
    torch.testing.assert_close(result[retained], torch.full_like(result[retained], 1 / (1 - rate)))
    assert not torch.equal(second(x.clone()) != 0, retained)
    result.sum().backward()
    assert torch.equal(x.grad, result.detach())
    assert first.eval()(x) is x


@on_each_device
@pytest.mark.parametrize("hidden", [{}, {"batch_norm": True, "activation": "silu", "dropout": 0.3}])
def test_bfloat16_rounds_the_products_and_nothing_else(hidden, device):
    """Losses stay within bfloat16's eight bits of float32's; parameters, moments and predictions are float32."""
    spec = mlp([36, 24, 16, 5], batch_size=32, **hidden)
    keys = {"images": labelled_images(96, spec.input_shape, 5), "optimizer": Adam(), "device": device}
    exact, rounded = (network(spec, precision=precision, **keys) for precision in ("float32", "bfloat16"))
    losses = [built.train_epoch(0, np.arange(96), 0.001).losses for built in (exact, rounded)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)
    assert not np.array_equal(*losses)
    state = rounded.state()
    assert {value.dtype.name for value in state.values()} <= {"float32", "int32", "int64"}
    predictions = rounded.predict(np.arange(96))
    assert predictions.dtype == np.float32
    np.testing.assert_allclose(np.exp(predictions).sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(predictions, exact.predict(np.arange(96)), atol=0.05)
    if device == "cpu":
        again = network(spec, precision="bfloat16", **keys)
        again.train_epoch(0, np.arange(96), 0.001)
        for key, value in again.state().items():
            np.testing.assert_array_equal(value, state[key], err_msg=key)


@on_each_device
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_pixels_are_divided_by_255_exactly(precision, device):
    """Every value of a byte, to the last bit of NumPy's division, wherever the images are."""
    images = np.arange(256, dtype=np.uint8).reshape(16, 4, 4)
    expected = images.reshape(16, 16).astype(precision) / np.dtype(precision).type(255)
    for placement in ("stream", "resident"):
        batch = torch.empty(20, 16, dtype=getattr(torch, precision), device=device)
        attached = AttachedImages(images, np.arange(16), placement, batch)
        rows = np.array([15, 0, 7, 7])
        np.testing.assert_array_equal(attached.gather(attached.order(rows)).cpu().numpy(), expected[rows])
        assert attached.labels(rows).tolist() == rows.tolist()


@pytest.mark.parametrize("placement", ["resident", "auto"])
def test_placement_does_not_change_a_bit(placement, tmp_path):
    """The images' place is not part of what is computed; they may be a read-only memory map and the order reversed."""
    spec = mlp([12, 5, 3], shape=(3, 4), batch_size=8)
    images, labels = labelled_images(20, (3, 4), 3)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    keys = {"images": (mapped, labels), "optimizer": Adam(), "precision": "float32"}
    placed, streamed = (network(spec, placement=chosen, **keys) for chosen in (placement, "stream"))
    assert placed.placement == ("resident" if placement == "resident" else "stream")
    for built in (placed, streamed):
        built.train_epoch(0, np.arange(20)[::-1], 0.01)
    assert_same_bits(placed.state(), streamed.state())
    np.testing.assert_array_equal(placed.predict(np.arange(20)), streamed.predict(np.arange(20)))


def test_torchs_global_state_stays_as_it_was_but_for_the_threads():
    """No draw from the global generators, no default dtype, precision or determinism switched; threads as asked."""

    def globals_of_torch():
        return (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002 - the global generator is what must not move
            torch.get_default_dtype(),
            torch.get_float32_matmul_precision(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_grad_enabled(),
        )

    before = globals_of_torch()
    spec = mlp([6, 5, 3], batch_norm=True, dropout=0.5)
    built = network(spec, optimizer=Adam(), images=labelled_images(40, (1, 6), 3), threads=2)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    built.train_epoch(0, np.arange(40), 0.01)
    built.predict(np.arange(40))
    assert globals_of_torch() == before
    assert torch.get_num_threads() == 2


def test_importing_the_plugin_loads_no_torch_and_asking_about_a_missing_one_says_how_to_get_it():
    """A None in ``sys.modules`` is Python's way to make a module impossible to import."""
    script = (
        "import sys, harness_torch; before = {'torch', 'harness_torch.backend'} & set(sys.modules)\n"
        "sys.modules['torch'] = None\n"
        "from harness_torch.backend import TorchBackend\n"
        "print(before, TorchBackend().unavailable('auto'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == 'set() torch is not installed: pip install "nn-harness[torch]"'


def test_the_backend_says_what_it_can_use():
    """Unknown devices are named; a CUDA device that is missing has its reason; the CPU is always there."""
    backend = TorchBackend()
    assert backend.interface == 2
    assert backend.unsupported(mlp([6, 5, 3], dropout=0.5, batch_norm=True), Adam()) == []
    assert backend.unavailable("cpu") is None
    assert backend.unavailable("auto") is None
    assert backend.unavailable("gpu") == "torch runs on 'auto', 'cpu', 'cuda' or 'cuda:<number>', not on 'gpu'"
    assert backend.unavailable("cuda:99").startswith("no CUDA device")
    assert (backend.unavailable("cuda") is None) == torch.cuda.is_available()
    assert resolve("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert backend.deterministic("cpu")
    environment = backend.environment("cpu")
    assert environment["torch"] == torch.__version__
    assert environment["device"] == "cpu"
    assert environment["blas"].endswith(torch.backends.cpu.get_cpu_capability())
