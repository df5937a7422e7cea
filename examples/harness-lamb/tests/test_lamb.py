"""LAMB against its contract, and against the paper's algorithm over the directions of torch's Adam."""

import numpy as np
import pytest

from harness.conformance import OptimizerConformance
from harness.descent import for_blocks
from harness.interfaces import Parameter
from harness_lamb import Lamb


class TestLamb(OptimizerConformance):
    name = "lamb"

    @staticmethod
    def reference(parameters, gradients, learning_rate):
        """Algorithm 2 for the kit's two blocks: four weights, two biases."""
        m, v = np.zeros(6), np.zeros(6)
        for t, g in enumerate(gradients, start=1):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6)
            weights = parameters[:4]
            u = r[:4] + 0.01 * weights
            ratio = np.linalg.norm(weights) / np.linalg.norm(u)
            parameters = parameters - learning_rate * np.concatenate([ratio * u, r[4:]])
        return parameters


class TestLambWithOptions(OptimizerConformance):
    name = "lamb"
    options = {"betas": [0.8, 0.95], "eps": 1e-4, "weight_decay": 0.0}


def test_agrees_with_the_directions_of_torchs_adam():
    """Each layer's: torch's Adam gives r, whatever its own parameters are; the norms are torch's, too."""
    torch = pytest.importorskip("torch")
    blocks = (Parameter("0.weight", (5, 3), 0, is_weight=True), Parameter("1.weight", (3, 4), 15, is_weight=True))
    rule = for_blocks(Lamb(weight_decay=0.1), blocks)
    rng = np.random.default_rng(0)
    ours = rng.standard_normal(27)
    state = rule.init(ours)
    theirs = [torch.tensor(ours[block.start : block.stop]) for block in blocks]
    probes = [torch.nn.Parameter(torch.zeros_like(tensor)) for tensor in theirs]
    adam = torch.optim.Adam(probes, lr=1.0, eps=1e-6)
    for _ in range(10):
        gradient = rng.standard_normal(27)
        for probe, block in zip(probes, blocks, strict=True):
            probe.grad = torch.tensor(gradient[block.start : block.stop])
        before = [probe.detach().clone() for probe in probes]
        adam.step()
        for index, (probe, was) in enumerate(zip(probes, before, strict=True)):
            u = (was - probe.detach()) + 0.1 * theirs[index]
            theirs[index] = theirs[index] - 0.01 * theirs[index].norm() / u.norm() * u
        ours, state = rule.update(ours, gradient, state, 0.01)
        np.testing.assert_allclose(ours, torch.cat(theirs).numpy(), rtol=1e-10)


def test_weights_of_0_take_adams_step():
    """A layer that starts from zeros would never leave them."""
    blocks = (Parameter("0.weight", (2,), 0, is_weight=True),)
    rule = for_blocks(Lamb(), blocks)
    zeros = np.zeros(2)
    moved, _ = rule.update(zeros, np.array([1.0, -2.0]), rule.init(zeros), 0.1)
    np.testing.assert_allclose(moved, [-0.1, 0.1], rtol=1e-5)


def test_a_negative_decay_is_refused():
    with pytest.raises(ValueError, match="weight_decay: -1 is negative"):
        Lamb(weight_decay=-1)
