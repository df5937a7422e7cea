"""The from-scratch networks against torch's autograd in float64 and finite differences."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.interfaces import Context
from harness.optimizers import SGD, Adam
from harness.seeding import initial_state
from harness_array.backends import CupyBackend, NumpyBackend
from tests.networks import labelled_images, mlp, with_biases

ACTIVATIONS = ["relu", "leaky_relu", "gelu", "silu", "tanh"]
EXACT = SGD()
"""At a learning rate of 1, one step of plain gradient descent moves the parameters by the gradient itself."""


def network(spec, *, state=None, optimizer=EXACT, precision="float64", seed=0, images=None, **context):
    built = NumpyBackend().build(
        spec, state or initial_state(spec, seed), optimizer, Context(seed, precision=precision, **context)
    )
    if images is not None:
        built.attach(*images)
    return built


def gradients_of_one_step(spec, images, labels, state):
    built = network(spec, state=state, images=(images, labels))
    stats = built.train_epoch(0, np.arange(len(images)), 1.0)
    after = built.state()
    return stats, {block.key: state[block.key] - after[block.key] for block in spec.parameters()}, after


def darken(images, first, last):
    """Make the first and the last pixels of images black."""
    flat = images.reshape(len(images), -1)
    flat[:, :first] = 0
    flat[:, max(0, flat.shape[1] - last) :] = 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [False, True])
@settings(max_examples=15)
@given(
    rows=st.integers(2, 12),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    classes=st.integers(2, 6),
    gradient=st.sampled_from(["sum", "mean"]),
    l2=st.sampled_from([0.0, 0.3]),
    weight_decay=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 1000),
    margins=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_loss_and_gradients_match_autograd(
    activation, batch_norm, rows, sizes, classes, gradient, l2, weight_decay, seed, margins
):
    """Any shape, black margins, both gradient modes, with and without penalties: losses and gradients agree."""
    autograd = pytest.importorskip("tests.autograd")
    spec = mlp(
        [*sizes, classes] if len(sizes) > 1 else [sizes[0], 3, classes],
        activation=activation,
        batch_norm=batch_norm,
        batch_size=16,
        gradient=gradient,
        l2=l2,
        weight_decay=weight_decay,
    )
    images, labels = labelled_images(rows, spec.input_shape, classes, seed)
    darken(images, *(min(margin, spec.features // 3) for margin in margins))
    state = with_biases({key: value.astype(np.float64) for key, value in initial_state(spec, seed).items()}, seed)
    stats, gradients, after = gradients_of_one_step(spec, images, labels, state)
    loss, expected, values = autograd.loss_and_gradients(spec, state, images, labels)
    assert stats.losses[0] == pytest.approx(loss, rel=1e-11)
    # Where a batch has almost no variance, normalising magnifies rounding: the tolerance is relative to the largest.
    for key, value in expected.items():
        np.testing.assert_allclose(
            gradients[key], value, rtol=1e-7, atol=1e-9 * max(1.0, np.abs(value).max()), err_msg=key
        )
    for key in (key for key in after if "running" in key):
        np.testing.assert_allclose(after[key], values[key].numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_match_finite_differences(activation):
    """An oracle without any framework: central differences of the loss in every direction."""
    spec = mlp([5, 4, 4, 3], activation=activation, batch_norm=True, batch_size=6, gradient="mean")
    images, labels = labelled_images(6, spec.input_shape, 3)
    state = {key: value.astype(np.float64) for key, value in initial_state(spec, 4).items()}
    _, gradients, _ = gradients_of_one_step(spec, images, labels, state)
    step = 1e-6
    for key, gradient in gradients.items():
        for index in np.ndindex(gradient.shape):
            losses = []
            for sign in (1, -1):
                moved = {name: value.copy() for name, value in state.items()}
                moved[key][index] += sign * step
                stats, _, _ = gradients_of_one_step(spec, images, labels, moved)
                losses.append(stats.losses[0])
            assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient[index], rel=1e-4, abs=1e-7)


def test_prediction_is_log_softmax_in_evaluation_mode():
    """Dropout is off, running statistics are used, and rows sum to one, however many are asked for."""
    autograd = pytest.importorskip("tests.autograd")
    torch = pytest.importorskip("torch")
    spec = mlp([6, 5, 3], batch_norm=True, dropout=0.5, batch_size=8)
    images, labels = labelled_images(3000, spec.input_shape, 3)
    built = network(spec, images=(images, labels), optimizer=Adam())
    for epoch in range(2):
        built.train_epoch(epoch, np.arange(64), 0.01)
    rows = np.arange(2999, -1, -1)
    predictions = built.predict(rows)
    logits = autograd.forward(spec, autograd.tensors(built.state()), images[rows], training=False)
    np.testing.assert_allclose(predictions, torch.log_softmax(logits.detach(), dim=1).numpy(), rtol=1e-6, atol=1e-6)
    assert predictions.dtype == np.float32
    np.testing.assert_allclose(np.exp(predictions).sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(built.predict(rows), predictions)
    np.testing.assert_allclose(
        built.predict_images(images.astype(np.float32) / np.float32(255))[rows], predictions, rtol=1e-5, atol=1e-6
    )


def test_dropout_masks_depend_on_seed_epoch_and_step_alone():
    """Equal keys, equal losses; another seed, epoch or step, another mask; nothing touches NumPy's global generator."""
    spec = mlp([6, 40, 3], dropout=0.5, batch_size=8)
    images, labels = labelled_images(16, spec.input_shape, 3)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global generator is what must not move

    def losses(seed, epoch, order):
        state = initial_state(spec, 0)
        return network(spec, state=state, seed=seed, images=(images, labels)).train_epoch(epoch, order, 1e-9).losses

    twice = np.tile(np.arange(8), 2)
    first = losses(0, 0, twice)
    np.testing.assert_array_equal(first, losses(0, 0, twice))
    assert first[0] != pytest.approx(first[1], rel=1e-5)
    assert first[0] != pytest.approx(losses(1, 0, twice)[0], rel=1e-5)
    assert first[0] != pytest.approx(losses(0, 1, twice)[0], rel=1e-5)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002 - as above


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_dropout_keeps_the_expectation(rate):
    """Inverted dropout: the kept part is 1 - rate, and what is kept is divided by it."""
    from harness_array.devices import Host

    mask = np.empty((1000, 1000), dtype=bool)
    Host().keep_mask((1, 2, 3), 1.0 - rate, mask)
    # Five standard deviations of a mean of a million draws, and what 16 bits round off.
    assert mask.mean() == pytest.approx(1.0 - rate, abs=5 * np.sqrt(rate * (1 - rate) / 1e6) + 1 / 65_536)


@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9), Adam()])
def test_state_round_trip_continues_bit_identically(optimizer):
    """Save after an epoch, load into a new network, and the second epoch is the same to the last bit."""
    spec = mlp([6, 5, 3], batch_norm=True, dropout=0.2, activation="silu", batch_size=8, weight_decay=1e-3)
    images = labelled_images(40, spec.input_shape, 3)
    whole = network(spec, optimizer=optimizer, precision="float32", images=images)
    whole.train_epoch(0, np.arange(40), 0.01)
    resumed = network(spec, optimizer=optimizer, precision="float32", images=images, state=whole.state())
    for built in (whole, resumed):
        built.train_epoch(1, np.arange(40), 0.01)
    for key, value in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[key], value, err_msg=key)


def test_a_third_partys_optimizer_is_used_through_its_generic_form():
    """A subclass is not taken for the rule that it derives from."""

    class Halved(SGD):
        def update(self, parameters, gradients, state, learning_rate):
            return super().update(parameters, gradients, state, learning_rate / 2)

    spec = mlp([6, 5, 3], batch_size=8)
    images = labelled_images(8, spec.input_shape, 3)
    half, full = (network(spec, optimizer=rule, images=images) for rule in (Halved(), SGD()))
    half.train_epoch(0, np.arange(8), 0.2)
    full.train_epoch(0, np.arange(8), 0.1)
    for key, value in full.state().items():
        np.testing.assert_allclose(half.state()[key], value, rtol=1e-14)


@pytest.mark.parametrize("placement", ["stream", "resident", "auto"])
def test_placement_does_not_change_a_bit(placement):
    """The images' place is not part of what is computed."""
    spec = mlp([12, 5, 3], shape=(3, 4), batch_size=8)
    images = labelled_images(20, (3, 4), 3)
    placed, streamed = (network(spec, images=images, placement=p, optimizer=Adam()) for p in (placement, "stream"))
    assert placed.placement == ("resident" if placement == "resident" else "stream")
    for built in (placed, streamed):
        built.train_epoch(0, np.arange(20)[::-1], 0.01)
    for key, value in placed.state().items():
        np.testing.assert_array_equal(streamed.state()[key], value)


def test_leaving_black_margins_out_changes_nothing(monkeypatch):
    """Batches with other margins, one of them black: steps and predictions are those of whole images."""
    spec = mlp([90, 7, 4], batch_size=8)
    images, labels = labelled_images(32, spec.input_shape, 4)
    for start, margins in zip(range(0, 32, 8), [(20, 9), (0, 0), (90, 0), (3, 33)], strict=True):
        darken(images[start : start + 8], *margins)

    def trained():
        built = network(spec, optimizer=Adam(), images=(images, labels))
        losses = [built.train_epoch(epoch, np.arange(32), 0.01).losses for epoch in range(3)]
        return built.predict(np.arange(32)), np.concatenate(losses), built.state()

    predictions, losses, state = trained()
    monkeypatch.setattr("harness_array.images._lit", lambda images: slice(0, images.shape[1]))
    whole_predictions, whole_losses, whole_state = trained()
    np.testing.assert_allclose(losses, whole_losses, rtol=1e-12)
    np.testing.assert_allclose(predictions, whole_predictions, rtol=1e-6)
    for key, value in whole_state.items():
        np.testing.assert_allclose(state[key], value, rtol=1e-9, atol=1e-12, err_msg=key)


def test_weights_start_with_the_variance_of_he():
    """N(0, 2 / fan_in), the same for every backend; batch norm starts as the identity."""
    spec = mlp([400, 300, 10], batch_norm=True)
    state = initial_state(spec, 1)
    assert state["0.weight"].std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)
    assert not state["0.bias"].any()
    assert (state["1.weight"] == 1).all()
    assert (state["1.running_var"] == 1).all()
    assert initial_state(replace(spec, batch_size=9), 1)["0.weight"].tobytes() == state["0.weight"].tobytes()
    assert initial_state(spec, 2)["0.weight"].tobytes() != state["0.weight"].tobytes()


def test_cupy_says_why_it_is_unavailable():
    """Without a GPU, or on a device that is none of CUDA's, there is a reason in words and no exception."""
    backend = CupyBackend()
    for device in ("cpu", "cuda:x", "cuda:-1", "cuda:", "cuda0", "CUDA"):
        assert backend.unavailable(device) == (
            f"cupy runs on CUDA devices alone, 'auto', 'cuda' or 'cuda:<number>', not on {device!r}"
        )
    reason = backend.unavailable("auto")
    assert reason is None or "not installed" in reason or "no CUDA device" in reason
    assert "runs on the CPU alone" in NumpyBackend().unavailable("cuda")
