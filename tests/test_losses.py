"""The built-in losses against torch's and against finite differences; how backends take the mean, and clip."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.builtin.losses import CrossEntropy, Focal
from harness.descent import batch_loss, clip_factor
from harness.interfaces import Context
from harness.optimizers import SGD
from harness.plugins.components import OWN
from harness.plugins.loading import registry
from harness.seeding import initial_state
from harness.trial.losses import balanced, weights_of_classes
from harness_array.backends import NumpyBackend
from tests.networks import labelled_images, mlp

LOSSES = {
    "cross_entropy": CrossEntropy(),
    "smoothed": CrossEntropy(label_smoothing=0.1),
    "focal": Focal(),
    "focal, gamma 0.5": Focal(gamma=0.5),
    "focal, gamma 0": Focal(gamma=0.0),
}
WEIGHTS = (0.5, 2.0, 1.0, 0.25)


def batch(rows=9, classes=4, seed=0, scale=3.0):
    """Return logits (rows, classes), labels (rows,) and weights (classes,)."""
    rng = np.random.default_rng(seed)
    logits = scale * rng.standard_normal((rows, classes))
    return logits, rng.integers(0, classes, rows), rng.uniform(0.2, 2.0, classes)


def of_torch(loss, logits, labels, weights):
    """Return each row's loss by torch's functions."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    if isinstance(loss, CrossEntropy):
        return functional.cross_entropy(
            logits, labels, weight=weights, label_smoothing=loss.label_smoothing, reduction="none"
        )
    p = functional.softmax(logits, dim=1)[torch.arange(len(labels)), labels]
    return -(1.0 if weights is None else weights[labels]) * (1 - p) ** loss.gamma * torch.log(p)


def test_every_builtin_has_a_case():
    """The table above covers all losses that the core registers."""
    registered = {entry.load() for entry in registry().components if (entry.kind, entry.distribution) == ("loss", OWN)}
    assert {type(loss) for loss in LOSSES.values()} == registered


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=20)
@given(rows=st.integers(1, 20), classes=st.integers(2, 9), seed=st.integers(0, 1000))
def test_losses_and_gradients_match_torch(name, weighted, rows, classes, seed):
    """Row by row, its autograd's gradients too."""
    torch = pytest.importorskip("torch")
    logits, labels, weights = batch(rows, classes, seed)
    theirs = torch.tensor(logits, requires_grad=True)
    expected = of_torch(LOSSES[name], theirs, torch.tensor(labels), torch.tensor(weights) if weighted else None)
    expected.sum().backward()
    losses, gradient = LOSSES[name](np, logits, labels, weights if weighted else None)
    np.testing.assert_allclose(losses, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gradient", ["mean", "sum"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_weighted_mean_is_torchs(weights, smoothing, gradient):
    """Divided by the sum of the rows' weights; the gradient of a sum is not divided, the reported loss is a mean."""
    torch = pytest.importorskip("torch")
    logits, labels, _ = batch()
    spec = mlp([6, 4], loss=CrossEntropy(smoothing), class_weights=weights, gradient=gradient)
    theirs, given_weights = torch.tensor(logits, requires_grad=True), weights and torch.tensor(weights).double()
    keys = {"weight": given_weights, "label_smoothing": smoothing}
    mean = torch.nn.functional.cross_entropy(theirs, torch.tensor(labels), **keys)
    torch.nn.functional.cross_entropy(theirs, torch.tensor(labels), reduction=gradient, **keys).backward()
    loss, slope = batch_loss(spec, np, logits, labels, weights and np.array(weights))
    assert loss == pytest.approx(mean.item(), rel=1e-12)
    np.testing.assert_allclose(slope, theirs.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("scale", [1e3, 1e30])
def test_sure_and_wrong_rows_have_finite_gradients(name, scale):
    """A probability of 1 to the last bit, and one of 0: no division by 0, no overflow; float32 stays float32."""
    logits = (scale * np.eye(4, dtype=np.float32))[[0, 1, 2, 3]]
    for labels in (np.arange(4), (np.arange(4) + 1) % 4):
        with np.errstate(all="raise", under="ignore"):
            losses, gradient = LOSSES[name](np, logits, labels, np.ones(4, dtype=np.float32))
        assert np.isfinite(losses).all()
        assert np.isfinite(gradient).all()
        assert losses.dtype == gradient.dtype == np.float32


def test_balanced_weights_are_scikit_learns():
    """N / (classes · count)."""
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat(np.arange(5), [3, 10, 1, 7, 2])
    expected = compute_class_weight("balanced", classes=np.arange(5), y=labels)
    np.testing.assert_allclose(balanced(labels, 5), expected)
    assert weights_of_classes(None, labels, 5) is None
    assert weights_of_classes([1, 2, 3, 4, 5], labels, 5) == (1.0, 2.0, 3.0, 4.0, 5.0)
    with pytest.raises(ValueError, match="class 5 has no training row"):
        balanced(labels, 6)


def test_equal_weights_change_no_mean():
    """Whatever they are: the mean is divided by their sum."""
    images, labels = labelled_images(12, (1, 6), 4)
    losses = []
    for weights in (None, (3.0,) * 4):
        spec = mlp([6, 5, 4], batch_size=5, class_weights=weights)
        network = NumpyBackend().build(spec, initial_state(spec, 0), SGD(), Context(0, precision="float64"))
        network.attach(images, labels)
        network.train_epoch(0, np.arange(12), 0.1)
        losses.append(network.train_epoch(1, np.arange(12), 0.1).losses)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-12)


@pytest.mark.parametrize("limit", [0.01, 1.0, 1e6])
def test_clipping_is_torchs(limit):
    """One norm over all parameters; a gradient below it stays as it is, to the last bit."""
    torch = pytest.importorskip("torch")
    parts = [np.random.default_rng(seed).standard_normal(shape) for seed, shape in enumerate([(4, 3), (3,)])]
    tensors = [torch.nn.Parameter(torch.zeros(part.shape, dtype=torch.float64)) for part in parts]
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.grad = torch.tensor(part)
    torch.nn.utils.clip_grad_norm_(tensors, limit)
    factor = clip_factor(np, sum(np.vdot(part, part) for part in parts), limit)
    for tensor, part in zip(tensors, parts, strict=True):
        np.testing.assert_allclose(factor * part, tensor.grad.numpy(), rtol=1e-12)
    assert (factor == 1.0) == (limit == 1e6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossEntropy(label_smoothing=1.0), r"label_smoothing: 1\.0 is not in \[0, 1\)"),
        (lambda: CrossEntropy(label_smoothing=-0.1), r"label_smoothing: -0\.1 is not in \[0, 1\)"),
        (lambda: Focal(gamma=-1.0), r"gamma: -1\.0 is negative or not finite"),
    ],
)
def test_impossible_options_are_refused(make, message):
    """The factory names the option and the value."""
    with pytest.raises(ValueError, match=message):
        make()
