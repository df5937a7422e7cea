"""The kernels of the optimizers and of a step's end, against NumPy, over several steps."""

import numpy as np
import pytest

from tests.doubles import needs_compiler, strict_cupy
from tests.step_kernels import control, fields, launch

__all__ = ["launch", "strict_cupy"]

pytestmark = needs_compiler
COUNTS = [1, 5, 255, 257, 1551]
PENALTIES = [(0.0, 0.0), (0.01, 0.0), (0.0, 0.1), (0.01, 0.1)]


def vectors(launch, count):
    """Return parameters, a gradient, and which elements are of weights."""
    is_weight = (np.arange(count) % 3 > 0).astype(np.uint8)
    return launch.normal(count), launch.normal(count, seed=1), is_weight


def penalised(theta, gradient, is_weight, clip, weight_decay, l2):
    return gradient * clip + theta * weight_decay + theta * is_weight * l2


@pytest.mark.parametrize(("weight_decay", "l2"), PENALTIES)
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_gradient_descent(launch, weight_decay, l2, momentum, nesterov):
    """Without momentum there is no velocity, without l2 no list of weights: null pointers will do."""
    for count in COUNTS:
        descend(launch, count, weight_decay, l2, momentum, nesterov=nesterov)


def descend(launch, count, weight_decay, l2, momentum, *, nesterov):
    """Compare one update."""
    theta, gradient, is_weight = vectors(launch, count)
    velocity = launch.normal(count, seed=2)
    nowhere = np.uint64(0)
    outputs = launch(
        "elementwise", "sgd", count, theta, gradient, velocity if momentum else nowhere, is_weight if l2 else nowhere,
        control(rate=0.25, clip=0.5), np.int32(count), launch.real(momentum), np.int32(nesterov),
        launch.real(weight_decay), launch.real(l2),
    )  # fmt: skip
    g = penalised(*(x.astype(np.float64) for x in (theta, gradient)), is_weight, 0.5, weight_decay, l2)
    v = momentum * velocity + g
    step = g + momentum * v if nesterov else v if momentum else g
    launch.agrees(outputs[0], theta - 0.25 * step)
    if momentum:
        launch.agrees(outputs[2], v)


@pytest.mark.parametrize(("weight_decay", "l2"), PENALTIES)
def test_adam(launch, weight_decay, l2):
    """One update with the control block's rate, ε and decay."""
    for count in COUNTS:
        move(launch, count, weight_decay, l2)


def move(launch, count, weight_decay, l2):
    """Compare one update."""
    theta, gradient, is_weight = vectors(launch, count)
    m, v = launch.normal(count, seed=2), launch.normal(count, seed=3) ** 2
    beta1, beta2, rate, eps, decay = 0.9, 0.999, 0.01, 1e-6, 0.95
    outputs = launch(
        "elementwise", "adam", count, theta, gradient, m, v, is_weight,
        control(rate=rate, eps=eps, decay=decay, clip=0.5), np.int32(count),
        *map(launch.real, (beta1, beta2, 1 - beta1, 1 - beta2, weight_decay, l2)),
    )  # fmt: skip
    wide = [x.astype(np.float64) for x in (theta, gradient, m, v)]
    g = penalised(*wide[:2], is_weight, 0.5, weight_decay, l2)
    first, second = beta1 * wide[2] + (1 - beta1) * g, beta2 * wide[3] + (1 - beta2) * g * g
    launch.agrees(outputs[2], first)
    launch.agrees(outputs[3], second)
    launch.agrees(outputs[0], decay * wide[0] - rate * first / (np.sqrt(second) + eps), 2)


def finish(launch, block, row_loss, right, labels, weights=None, *, adam=None, steps=4):
    """Return the epoch's losses and the next control block."""
    rows, classes = len(row_loss), 5
    beta1, beta2, eps, decay = adam or (0.0, 0.0, 0.0, 0.0)
    *_, losses, block = launch(
        "blocks", "finish", 1, row_loss, right.astype(np.int32), labels.astype(np.int32),
        np.full(classes, np.nan, launch.dtype) if weights is None else weights,
        np.full(steps, -77.0), block, np.int32(rows), np.int32(classes), np.int32(weights is not None),
        np.int32(adam is not None), *map(np.float64, (beta1, beta2, eps, decay)),
    )  # fmt: skip
    return losses, block


@pytest.mark.parametrize("rows", [1, 3, 47, 513])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_end_of_a_step(launch, rows, weighted):
    """The mean loss in its step's place, the rows right added up; a weighted mean is by the weights of the labels."""
    rng = np.random.default_rng(0)
    row_loss, right, labels = rng.random(rows), rng.integers(0, 2, rows), rng.integers(0, 5, rows)
    weights = launch.normal(5) ** 2 if weighted else None
    block = control(step=7, epoch_step=2, correct=100, learning_rate=0.5, rate=9, eps=9, decay=0.25)
    losses, block = finish(launch, block, row_loss, right, labels, weights)
    total = weights[labels].astype(np.float64).sum() if weighted else rows
    np.testing.assert_allclose(losses, [-77, -77, row_loss.sum() / total, -77], rtol=1e-12)
    after = fields(block)
    assert (after["step"], after["epoch_step"], after["correct"]) == (8, 3, 100 + right.sum())
    assert after["rate"] == after["learning_rate"] == 0.5
    assert (after["decay"], after["clip"]) == (0.25, 1.0)


def test_adams_rates_of_each_step(launch):
    """The rates of the next update, with both bias corrections, over five steps; ε and AdamW's decay with them."""
    beta1, beta2, eps, decay, rate = 0.9, 0.999, 1e-8, 0.01, 0.5
    block, vector = control(step=3, learning_rate=rate), np.ones(1)
    for step in range(4, 9):
        _, block = finish(launch, block, vector, vector, vector, adam=(beta1, beta2, eps, decay), steps=9)
        root = np.sqrt(1 - beta2 ** (step + 1))
        after = fields(block)
        assert after["step"] == step
        assert after["rate"] == pytest.approx(rate * root / (1 - beta1 ** (step + 1)), rel=1e-14)
        assert after["eps"] == pytest.approx(eps * root, rel=1e-14)
        assert after["decay"] == 1 - rate * decay
