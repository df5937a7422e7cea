"""How numpy, torch, cupy's double and the base class train with any loss, weights and clipping: against autograd."""

import numpy as np
import pytest

from harness.builtin.losses import CrossEntropy, Focal
from harness.interfaces import Context
from harness.optimizers import SGD
from harness.plugins.loading import registry
from harness.seeding import initial_state
from harness.trial.jobs import load_backend
from tests.doubles import strict_cupy
from tests.networks import labelled_images, mlp
from tests.test_losses import of_torch
from tests.test_stepwise import Backend

__all__ = ["strict_cupy"]

torch = pytest.importorskip("torch")
WEIGHTS = (0.5, 2.0, 1.0)
RECIPES = {
    "smoothed": {"loss": CrossEntropy(0.1)},
    "smoothed, weights": {"loss": CrossEntropy(0.1), "class_weights": WEIGHTS},
    "weights": {"class_weights": WEIGHTS},
    "focal": {"loss": Focal(1.5), "class_weights": WEIGHTS},
    "clipped": {"clip_norm": 0.05},
    "clipped, penalties": {"loss": Focal(), "clip_norm": 0.05, "l2": 0.3, "weight_decay": 0.1},
    "clipped, loosely": {"clip_norm": 50.0, "weight_decay": 0.1},
}


def expected(spec, state, images, labels):
    """Return the mean loss of a softmax regression, and its parameters after a step at a rate of 1."""
    tensors = {key: torch.tensor(value, dtype=torch.float64, requires_grad=True) for key, value in state.items()}
    x, y = torch.tensor(images.reshape(len(images), -1) / 255), torch.tensor(labels)
    weights = None if spec.class_weights is None else torch.tensor(spec.class_weights, dtype=torch.float64)
    logits = x @ tensors["0.weight"] + tensors["0.bias"]
    losses = of_torch(spec.loss or CrossEntropy(), logits, y, weights)
    mean = losses.sum() / (len(y) if weights is None else weights[y].sum())
    (mean if spec.gradient == "mean" else losses.sum()).backward()
    if spec.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(list(tensors.values()), spec.clip_norm)
    after = {}
    for key, tensor in tensors.items():
        penalty = spec.weight_decay + (spec.l2 if key == "0.weight" else 0.0)
        after[key] = (tensor - tensor.grad - penalty * tensor).detach().numpy()
    return mean.item(), after


@pytest.mark.parametrize("gradient", ["mean", "sum"])
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", ["numpy", "torch", "cupy", "stepwise"])
def test_a_step_is_autograds(name, recipe, gradient, request):
    """The reported loss, and every parameter, in float64."""
    if name == "cupy":
        request.getfixturevalue("strict_cupy")
    spec = mlp([12, 3], shape=(4, 3), batch_size=16, gradient=gradient, **RECIPES[recipe])
    images, labels = labelled_images(10, (4, 3), 3)
    state = initial_state(spec, 1)
    backend = Backend() if name == "stepwise" else load_backend(registry().find("backend", name))
    device = "auto" if name == "cupy" else "cpu"
    network = backend.build(spec, state, SGD(), Context(1, device=device, precision="float64"))
    network.attach(images, labels)
    stats = network.train_epoch(0, np.arange(10), 1.0)
    loss, after = expected(spec, state, images, labels)
    assert stats.losses == pytest.approx([loss], rel=1e-10)
    trained_state = network.state()
    for key, value in after.items():
        np.testing.assert_allclose(trained_state[key], value, rtol=1e-9, atol=1e-11, err_msg=key)
    network.close()


def test_bfloat16_takes_any_loss():
    """Products are rounded, the loss and its gradient are not."""
    spec = mlp([12, 8, 3], shape=(4, 3), batch_size=16, loss=Focal(), class_weights=WEIGHTS, clip_norm=0.5)
    images, labels = labelled_images(32, (4, 3), 3)
    losses = []
    for precision in ("float32", "bfloat16"):
        context = Context(1, device="cpu", precision=precision)
        network = load_backend(registry().find("backend", "torch")).build(spec, initial_state(spec, 1), SGD(), context)
        network.attach(images, labels)
        losses.append(network.train_epoch(0, np.arange(32), 0.1).losses)
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)
    assert not np.array_equal(losses[0], losses[1])
