"""The torch backend against a functional float64 network, the optimizers' generic forms, and its own promises."""

# ruff: noqa: E402 - what follows the check for torch imports it

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from harness.interfaces import Context
from harness.optimizers import SGD, Adam, AdamW
from harness.seeding import epoch_order, initial_state
from harness_torch.backend import TorchBackend, resolve
from harness_torch.dropout import DeviceMasks, HostMasks, KeyedDropout
from harness_torch.images import AttachedImages
from harness_torch.updates import AdamUpdate, GenericUpdate, SGDUpdate, update_for
from tests import autograd
from tests.networks import labelled_images, mlp

RULES = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "adam": Adam(),
    "adam with other betas": Adam(betas=(0.5, 0.9), eps=1e-4),
    "adamw": AdamW(weight_decay=0.1),
}
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device that torch can use"),
        ],
    ),
]
on_cuda = pytest.mark.parametrize("device", DEVICES[1:])
on_each_device = pytest.mark.parametrize("device", DEVICES)


@pytest.fixture(autouse=True)
def _threads():
    """A network takes the threads of its context: give back what there was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def network(
    spec, *, state=None, optimizer=RULES["sgd"], precision="float64", seed=0, images=None, device="cpu", **keys
):
    context = Context(seed, device=device, precision=precision, **keys)
    built = TorchBackend().build(spec, state or initial_state(spec, seed), optimizer, context)
    if images is not None:
        built.attach(*images)
    return built


def float64_state(spec, seed=0):
    return {key: value.astype(np.float64) for key, value in initial_state(spec, seed).items()}


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(other[key], value, err_msg=key, strict=True)


def as_generic(rule):
    """Return the same rule under a type that no backend recognises."""
    return type("ThirdParty", (type(rule),), {})(**vars(rule))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "silu"])
@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(2, 12),
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    classes=st.integers(2, 6),
    gradient=st.sampled_from(["sum", "mean"]),
    l2=st.sampled_from([0.0, 0.3]),
    weight_decay=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 1000),
)
def test_loss_and_gradients_match_a_functional_network(
    activation, batch_norm, rows, sizes, classes, gradient, l2, weight_decay, seed
):
    """Any shape, both gradient modes, with and without penalties; at a rate of 1 one step shows the gradient."""
    spec = mlp(
        [*sizes, classes],
        activation=activation,
        batch_norm=batch_norm,
        gradient=gradient,
        l2=l2,
        weight_decay=weight_decay,
    )
    images, labels = labelled_images(rows, spec.input_shape, classes, seed)
    state = float64_state(spec, seed)
    built = network(spec, state=state, images=(images, labels))
    stats = built.train_epoch(0, np.arange(rows), 1.0)
    loss, expected, values = autograd.loss_and_gradients(spec, state, images, labels)
    assert stats.losses[0] == pytest.approx(loss, rel=1e-11)
    after = built.state()
    # Where a batch has almost no variance, normalising magnifies rounding: the tolerance is relative to the largest.
    for key, value in expected.items():
        atol = 1e-9 * max(1.0, np.abs(value).max())
        np.testing.assert_allclose(state[key] - after[key], value, rtol=1e-7, atol=atol, err_msg=key)
    for key in (key for key in after if "running" in key):
        np.testing.assert_allclose(after[key], values[key].numpy(), rtol=1e-10, atol=1e-12)


def test_the_gradient_is_a_sum_or_a_mean_and_the_loss_always_a_mean():
    """A sum's step is as many times the mean's as the batch has rows; the reported losses are equal."""
    steps, losses = {}, {}
    for gradient in ("sum", "mean"):
        spec = mlp([6, 5, 3], batch_size=8, gradient=gradient)
        images = labelled_images(8, spec.input_shape, 3)
        built = network(spec, state=float64_state(spec), images=images)
        losses[gradient] = built.train_epoch(0, np.arange(8), 1.0).losses
        steps[gradient] = float64_state(spec)["0.weight"] - built.state()["0.weight"]
    np.testing.assert_allclose(steps["sum"], 8 * steps["mean"], rtol=1e-10)
    np.testing.assert_allclose(losses["sum"], losses["mean"], rtol=1e-14)


@pytest.mark.parametrize("penalty", ["l2", "weight_decay"])
def test_l2_is_for_weights_and_weight_decay_for_every_parameter(penalty):
    """What a penalty adds to one step: its factor times the parameter; nothing to what it spares, nor to the loss."""
    images = labelled_images(8, (1, 6), 3)
    state = {key: value + 0.5 for key, value in float64_state(mlp([6, 5, 3], batch_norm=True)).items()}
    after, losses = [], []
    for factor in (0.0, 0.25):
        spec = mlp([6, 5, 3], batch_norm=True, **{penalty: factor})
        built = network(spec, state=state, images=images)
        losses.append(built.train_epoch(0, np.arange(8), 1.0).losses)
        after.append(built.state())
    for block in spec.parameters():
        penalised = penalty == "weight_decay" or block.key in {"0.weight", "3.weight"}
        expected = 0.25 * state[block.key] if penalised else np.zeros(block.shape)
        np.testing.assert_allclose(after[0][block.key] - after[1][block.key], expected, atol=1e-12, err_msg=block.key)
    np.testing.assert_array_equal(losses[0], losses[1])


def test_every_row_is_used_once_and_the_last_batch_is_smaller():
    """37 rows in batches of 16: steps of 16, 16 and 5, each with its own loss, none rescaled."""
    spec = mlp([6, 5, 3], batch_size=16, gradient="sum")
    images, labels = labelled_images(50, spec.input_shape, 3)
    order = epoch_order(3, 0, np.arange(13, 50))
    state = float64_state(spec)
    built = network(spec, state=state, images=(images, labels))
    stats = built.train_epoch(0, order, 0.01)
    assert stats.sizes.tolist() == [16, 16, 5]
    assert (stats.losses.dtype, stats.sizes.dtype) == (np.float64, np.int64)
    assert stats.peak_device_bytes is None
    for step, rows in enumerate((order[:16], order[16:32], order[32:])):
        loss, gradients, _ = autograd.loss_and_gradients(spec, state, images[rows], labels[rows])
        assert stats.losses[step] == pytest.approx(loss, rel=1e-12)
        state = {key: value - 0.01 * gradients[key] for key, value in state.items()}
    for key, value in built.state().items():
        np.testing.assert_allclose(value, state[key], rtol=1e-11)


def test_correct_counts_the_predictions_before_each_update():
    """With a learning rate too small to matter, the count is that of the untrained network."""
    spec = mlp([6, 5, 3], batch_size=8)
    images, labels = labelled_images(45, spec.input_shape, 3)
    built = network(spec, images=(images, labels))
    before = built.predict(np.arange(45)).argmax(axis=1)
    assert built.train_epoch(0, np.arange(45), 1e-12).correct == int((before == labels).sum())


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_native_form_trains_as_the_generic_one(name):
    """Ten steps of a network in float64: equal losses, parameters and optimizer state, to the keys."""
    # Without batch norm: it leaves the bias before it a gradient of rounding alone, which Adam would magnify.
    spec = mlp([6, 7, 3], activation="silu", batch_size=8, weight_decay=1e-3)
    images = labelled_images(80, spec.input_shape, 3)
    native, generic = (network(spec, images=images, optimizer=rule) for rule in (RULES[name], as_generic(RULES[name])))
    stats = [built.train_epoch(0, np.arange(80), 0.01) for built in (native, generic)]
    np.testing.assert_allclose(stats[0].losses, stats[1].losses, rtol=1e-12)
    found, expected = native.state(), generic.state()
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype, key
        np.testing.assert_allclose(found[key], value, rtol=1e-8, atol=1e-12, err_msg=key)


@on_each_device
@pytest.mark.parametrize("name", sorted(RULES))
def test_the_native_form_agrees_with_the_generic_one_within_float32(name, device):
    """The same ten gradients in float32, of magnitudes from 1e-6 to 10: fused kernels differ by rounding alone."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(5000, generator=generator).to(device)
    rules = (RULES[name], as_generic(RULES[name]))
    vectors = [start.clone() for _ in rules]
    updates = [update_for(rule, vector) for rule, vector in zip(rules, vectors, strict=True)]
    assert isinstance(updates[0], SGDUpdate | AdamUpdate)
    assert isinstance(updates[1], GenericUpdate)
    for _ in range(10):
        gradient = torch.randn(5000, generator=generator) * 10 ** (7 * torch.rand(5000, generator=generator) - 6)
        for update, vector in zip(updates, vectors, strict=True):
            update.step(vector, gradient.to(device), 0.01)
    assert not torch.equal(vectors[0], start)
    torch.testing.assert_close(vectors[0], vectors[1], rtol=3e-6, atol=3e-7)
    for key, value in updates[1].state().items():
        torch.testing.assert_close(updates[0].state()[key], value, rtol=3e-6, atol=3e-7)


@on_each_device
@pytest.mark.parametrize("name", [*sorted(RULES), "third party"])
def test_state_round_trip_continues_bit_identically(name, device):
    """Save after an epoch, load into a new network, and the second epoch is the same to the last bit."""
    optimizer = as_generic(Adam()) if name == "third party" else RULES[name]
    spec = mlp([6, 5, 3], batch_norm=True, dropout=0.2, activation="silu", batch_size=8, weight_decay=1e-3)
    keys = {"optimizer": optimizer, "precision": "float32", "images": labelled_images(40, (1, 6), 3), "device": device}
    whole = network(spec, **keys)
    whole.train_epoch(0, np.arange(40), 0.01)
    saved = whole.state()
    resumed = network(spec, state=saved, **keys)
    assert_same_bits(saved, resumed.state())
    for one in (whole, resumed):
        one.train_epoch(1, np.arange(40), 0.01)
    assert any((saved[key] != value).any() for key, value in whole.state().items())
    if device == "cpu":
        assert_same_bits(whole.state(), resumed.state())
    else:
        for key, value in whole.state().items():
            np.testing.assert_allclose(resumed.state()[key], value, rtol=1e-5, atol=1e-6)


def test_the_state_is_the_contracts():
    """Weights (in, out), statistics, and an optimizer state whose step count is a 0-d int32; all of it copies."""
    spec = mlp([6, 5, 3], batch_norm=True)
    built = network(spec, optimizer=Adam(), precision="float32", images=labelled_images(40, (1, 6), 3))
    built.train_epoch(0, np.arange(40), 0.01)
    state = built.state()
    layers = {"0.weight": (6, 5), "0.bias": (5,), "3.weight": (5, 3), "3.bias": (3,)}
    norm = {f"1.{name}": (5,) for name in ("weight", "bias", "running_mean", "running_var")}
    size = spec.parameter_count()
    assert {key: value.shape for key, value in state.items()} == layers | norm | {
        "optimizer.m": (size,),
        "optimizer.v": (size,),
        "optimizer.step": (),
    }
    assert state.pop("optimizer.step") == np.int32(3)
    assert {value.dtype for value in state.values()} == {np.dtype(np.float32)}
    for value in state.values():
        value[...] = 0
    assert built.state()["0.weight"].any()


def test_the_optimizers_vectors_are_in_the_order_of_the_parameters():
    """After one step Adam's first moment is a tenth of the gradient, block by block as the spec lays them out."""
    spec = mlp([6, 5, 3], batch_norm=True)
    images, labels = labelled_images(8, (1, 6), 3)
    built = network(spec, state=float64_state(spec), optimizer=Adam(), images=(images, labels))
    built.train_epoch(0, np.arange(8), 0.01)
    _, gradients, _ = autograd.loss_and_gradients(spec, float64_state(spec), images, labels)
    for block in spec.parameters():
        moment = built.state()["optimizer.m"][block.start : block.stop].reshape(block.shape)
        np.testing.assert_allclose(moment, 0.1 * gradients[block.key], rtol=1e-9, atol=1e-14, err_msg=block.key)


def test_a_state_without_the_optimizers_resets_it():
    """The weights go on, the moments begin anew."""
    spec = mlp([6, 5, 3])
    built = network(spec, optimizer=Adam(), images=labelled_images(40, (1, 6), 3))
    built.train_epoch(0, np.arange(40), 0.01)
    trained = {key: value for key, value in built.state().items() if not key.startswith("optimizer")}
    built.load(trained)
    state = built.state()
    assert_same_bits(trained, {key: state[key] for key in trained})
    assert not state["optimizer.m"].any()
    assert state["optimizer.step"] == 0


@on_each_device
def test_prediction_is_log_softmax_in_evaluation_mode(device):
    """Dropout is off and running statistics are used, across more rows than one chunk holds, attached or not."""
    spec = mlp([6, 5, 3], batch_norm=True, dropout=0.5, batch_size=8)
    images, labels = labelled_images(5000, spec.input_shape, 3)
    built = network(spec, images=(images, labels), optimizer=Adam(), precision="float32", device=device)
    for epoch in range(2):
        built.train_epoch(epoch, np.arange(64), 0.01)
    rows = np.arange(4999, -1, -1)
    found = built.predict(rows)
    logits = autograd.forward(spec, autograd.tensors(built.state()), images[rows], training=False)
    np.testing.assert_allclose(found, torch.log_softmax(logits.detach(), dim=1).numpy(), rtol=1e-5, atol=1e-5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(built.predict(rows), found)
    scaled = images[rows].astype(np.float32) / np.float32(255)
    scaled.flags.writeable = False
    np.testing.assert_array_equal(built.predict_images(scaled), found)
    assert built.predict(rows[:0]).shape == (0, 3)


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


@on_each_device
@pytest.mark.parametrize("source", [HostMasks, DeviceMasks])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_dropout_zeroes_its_share_and_divides_the_rest(rate, source, device):
    """Inverted dropout; two layers of one step draw different masks, and the gradient passes where the value did."""
    if source is HostMasks and device != "cpu":
        pytest.skip("the host's draws are for the CPU")
    masks = HostMasks() if source is HostMasks else DeviceMasks(torch.device(device))
    masks.restart((1, 2, 3))
    first, second = (KeyedDropout(rate, masks, torch.empty(1000, 1000, device=device)) for _ in range(2))
    x = torch.ones(999, 1000, device=device, requires_grad=True)
    result = first(x)
    kept = result != 0
    # Five standard deviations of a mean of a million draws, and what 16 bits round off.
    bound = 5 * np.sqrt(rate * (1 - rate) / 999_000) + 1 / 65_536
    assert kept.double().mean().item() == pytest.approx(1 - rate, abs=bound)
    torch.testing.assert_close(result[kept], torch.full_like(result[kept], 1 / (1 - rate)))
    assert not torch.equal(second(x) != 0, kept)
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
    losses = [one.train_epoch(0, np.arange(96), 0.001).losses for one in (exact, rounded)]
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
    one, other = (network(spec, placement=chosen, **keys) for chosen in (placement, "stream"))
    assert one.placement == ("resident" if placement == "resident" else "stream")
    for built in (one, other):
        built.train_epoch(0, np.arange(20)[::-1], 0.01)
    assert_same_bits(one.state(), other.state())
    np.testing.assert_array_equal(one.predict(np.arange(20)), other.predict(np.arange(20)))


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


def test_a_diverging_network_reports_it_in_its_losses_without_a_warning():
    """Warnings are errors here: an overflow must show as a loss that is not finite, and nowhere else."""
    spec = mlp([6, 5, 3], batch_size=8, gradient="sum")
    built = network(spec, images=labelled_images(80, spec.input_shape, 3), precision="float32")
    stats = [built.train_epoch(epoch, np.arange(80), 1e30) for epoch in range(2)]
    assert not np.isfinite(stats[-1].losses).all()


def test_batch_norm_refuses_a_training_batch_of_one_row():
    """The plan refuses it first; a network built by hand says so itself, in torch's words."""
    spec = mlp([6, 5, 3], batch_norm=True, batch_size=8)
    built = network(spec, images=labelled_images(9, spec.input_shape, 3))
    with pytest.raises(ValueError, match="more than 1 value per channel when training"):
        built.train_epoch(0, np.arange(9), 0.1)


def test_an_unused_network_says_that_nothing_is_attached():
    """A mistake in a plugin's own test, most likely; so is a network that was closed."""
    built = network(mlp([6, 5, 3]), images=labelled_images(9, (1, 6), 3))
    built.synchronize()
    built.close()
    with pytest.raises(RuntimeError, match=r"call attach\(\) first"):
        built.predict(np.arange(3))


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
    assert backend.interface == 1
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


@on_cuda
@pytest.mark.parametrize("placement", ["stream", "resident"])
def test_cuda_trains_as_the_cpu_does(device, placement):
    """Thirteen steps in float64 over both placements; the peak of memory covers at least what must be held."""
    spec = mlp([12, 9, 9, 3], shape=(3, 4), activation="gelu", batch_norm=True, batch_size=8, weight_decay=1e-3)
    images = labelled_images(100, (3, 4), 3)
    one, other = (
        network(spec, images=images, optimizer=Adam(), device=where, placement=how)
        for where, how in ((device, placement), ("cpu", "stream"))
    )
    found, expected = (built.train_epoch(0, epoch_order(0, 0, np.arange(100)), 0.01) for built in (one, other))
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-9)
    assert found.correct == expected.correct
    for key, value in other.state().items():
        np.testing.assert_allclose(one.state()[key], value, rtol=1e-6, atol=1e-9, err_msg=key)
    assert found.peak_device_bytes >= 4 * 8 * spec.parameter_count()
    one.close()


@on_cuda
def test_a_streamed_batch_is_never_overwritten_on_its_way_to_the_device(device):
    """Many large batches in flight: each arrives as it was gathered."""
    images, labels = labelled_images(4096, (28, 28), 10)
    batch = torch.empty(2048, 784, device=device)
    attached = AttachedImages(images, labels, "stream", batch)
    orders = [epoch_order(0, step, np.arange(4096))[:2048] for step in range(50)]
    sums = torch.stack([attached.gather(rows).double().sum(dim=1) for rows in orders]).cpu().numpy()
    totals = images.reshape(4096, -1).sum(axis=1) / 255
    np.testing.assert_allclose(sums, np.stack([totals[rows] for rows in orders]), rtol=1e-6)


@on_cuda
def test_a_set_that_fits_stays_on_the_device(device):
    """``placement = "auto"`` on an accelerator."""
    assert network(mlp([6, 5, 3]), images=labelled_images(40, (1, 6), 3), device=device).placement == "resident"
