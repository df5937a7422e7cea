"""How torch's networks train, predict and keep their state: against autograd, the generic rules and themselves."""

# ruff: noqa: E402 - what follows the check for torch imports it

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from harness.optimizers import Adam
from harness_torch.updates import AdamUpdate, GenericUpdate, SGDUpdate, update_for
from tests import autograd
from tests.networks import labelled_images, mlp, with_biases
from tests.torch_networks import (
    RULES,
    as_generic,
    assert_same_bits,
    float64_state,
    network,
    on_each_device,
    rounding_of_beta,
)

pytestmark = pytest.mark.usefixtures("torch_threads")


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "silu"])
@settings(max_examples=15)
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
    state = with_biases(float64_state(spec, seed), seed)
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


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_native_form_trains_as_the_generic_one(name):
    """Ten steps of a network in float64: equal losses, parameters and optimizer state, to the keys."""
    # Without batch norm: it leaves the bias before it a gradient of rounding alone, which Adam would magnify.
    spec = mlp([6, 7, 3], activation="silu", batch_size=8, weight_decay=1e-3)
    images = labelled_images(80, spec.input_shape, 3)
    native, generic = (network(spec, images=images, optimizer=rule) for rule in (RULES[name], as_generic(RULES[name])))
    stats = [built.train_epoch(0, np.arange(80), 0.01) for built in (native, generic)]
    np.testing.assert_allclose(stats[0].losses, stats[1].losses, rtol=1e-12)
    state, expected = native.state(), generic.state()
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        assert state[key].dtype == value.dtype, key
        np.testing.assert_allclose(state[key], value, rtol=1e-8, atol=1e-12, err_msg=key)


@on_each_device
@pytest.mark.parametrize("weight_decay", [0.0, 0.02])
@pytest.mark.parametrize("name", sorted(RULES))
def test_the_native_form_agrees_with_the_generic_one_within_float32(name, weight_decay, device):
    """The same ten gradients in float32, of magnitudes from 1e-6 to 10: fused kernels differ by rounding alone.

    Those of CUDA round β to float32 first, from torch 2.11 on: 1 - 0.999 is then off by 1.3e-5, and v as much.
    """
    generator = torch.Generator().manual_seed(1)
    start = [torch.randn(shape, generator=generator).to(device) for shape in ((40, 50), (40,), (2960,))]
    rules = (RULES[name], as_generic(RULES[name]))
    networks = [[tensor.clone() for tensor in start] for _ in rules]
    updates = [update_for(rule, tensors) for rule, tensors in zip(rules, networks, strict=True)]
    assert isinstance(updates[0], SGDUpdate | AdamUpdate)
    assert isinstance(updates[1], GenericUpdate)
    for _ in range(10):
        gradients = [
            torch.randn(tensor.shape, generator=generator)
            * 10 ** (7 * torch.rand(tensor.shape, generator=generator) - 6)
            for tensor in start
        ]
        for update, tensors in zip(updates, networks, strict=True):
            update.step(tensors, [gradient.to(device, copy=True) for gradient in gradients], 0.01, weight_decay)
    for moved, expected, before in zip(*networks, start, strict=True):
        assert not torch.equal(moved, before)
        torch.testing.assert_close(moved, expected, rtol=3e-6, atol=3e-7)
    for key, value in updates[1].state().items():
        rtol = 3e-6 + (rounding_of_beta(RULES[name].betas[1]) if key == "v" and device != "cpu" else 0.0)
        torch.testing.assert_close(updates[0].state()[key], value, rtol=rtol, atol=3e-7)


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
    for built in (whole, resumed):
        built.train_epoch(1, np.arange(40), 0.01)
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
    predictions = built.predict(rows)
    logits = autograd.forward(spec, autograd.tensors(built.state()), images[rows], training=False)
    np.testing.assert_allclose(predictions, torch.log_softmax(logits.detach(), dim=1).numpy(), rtol=1e-5, atol=1e-5)
    assert predictions.dtype == np.float32
    np.testing.assert_array_equal(built.predict(rows), predictions)
    scaled = images[rows].astype(np.float32) / np.float32(255)
    scaled.flags.writeable = False
    np.testing.assert_array_equal(built.predict_images(scaled), predictions)
    assert built.predict(rows[:0]).shape == (0, 3)
