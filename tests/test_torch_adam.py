"""How exact Adam's and AdamW's kernels are in float32, beside torch's own classes of them and beside float64."""

# ruff: noqa: E402 - what follows the check for torch imports it

import sys

import pytest

torch = pytest.importorskip("torch")

from harness.optimizers import Adam, AdamW
from harness_torch.parameters import flatten
from harness_torch.updates import AdamUpdate, GenericUpdate, update_for
from tests.torch_networks import DEVICES, as_generic, rounding_of_beta

RATE = 0.01
STEPS = (1, 2, 10, 100)
SHAPES = ((40, 50), (40,), (2960,))


def gradients(generator, dtype, device):
    """Return one for each shape, of magnitudes from 1e-6 to 10."""
    drawn = [
        torch.randn(shape, generator=generator) * 10 ** (7 * torch.rand(shape, generator=generator) - 6)
        for shape in SHAPES
    ]
    return [tensor.to(device, dtype) for tensor in drawn]


class Trained:
    """Tensors that a rule moves; the gradients are the same for all."""

    def __init__(self, make, dtype, device):
        generator = torch.Generator().manual_seed(1)
        self.tensors = [torch.randn(shape, generator=generator).to(device, dtype) for shape in SHAPES]
        self.device, self.dtype, self.generator = device, dtype, generator
        self.update = make(self.tensors)

    def step(self):
        """Take one."""
        self.update.step(self.tensors, gradients(self.generator, self.dtype, self.device), RATE, 0.0)

    def values(self):
        """Return the parameters and the second moments, each as one vector in float64."""
        return flatten(self.tensors).cpu().double(), self.update.state()["v"].cpu().double()


class OwnClass:
    """`torch.optim.Adam` or `AdamW` as an update."""

    def __init__(self, rule, tensors):
        keys = {"lr": RATE, "betas": rule.betas, "eps": rule.eps, "fused": True}
        self._optimizer = (
            torch.optim.AdamW(tensors, weight_decay=rule.weight_decay, **keys)
            if isinstance(rule, AdamW)
            else torch.optim.Adam(tensors, **keys)
        )
        self._tensors = tensors

    def step(self, tensors, gradients, *_):
        """Move the tensors."""
        for tensor, gradient in zip(tensors, gradients, strict=True):
            tensor.grad = gradient
        self._optimizer.step()

    def state(self):
        """Return the second moments."""
        return {"v": flatten(self._optimizer.state[tensor]["exp_avg_sq"] for tensor in self._tensors)}


@pytest.mark.slow  # torch.optim's classes import torch's compiler
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rule", [Adam(), AdamW(weight_decay=0.1)], ids=["adam", "adamw"])
def test_adam_in_float32_is_what_torch_optim_makes_of_it(rule, device):
    """The same bits as the fused class's; after a hundred steps, of up to 0.01 each, within 1e-5 of float64's.

    The table that it prints (``pytest -rP``) has the largest errors: of a parameter, and of v relative to itself.
    """
    single = torch.float32
    forms = {
        "ours": Trained(lambda tensors: update_for(rule, tensors), single, device),
        "torch.optim, fused": Trained(lambda tensors: OwnClass(rule, tensors), single, device),
        "generic form": Trained(lambda tensors: GenericUpdate(as_generic(rule), tensors), single, device),
    }
    exact = Trained(lambda tensors: GenericUpdate(as_generic(rule), tensors), torch.float64, "cpu")
    assert isinstance(forms["ours"].update, AdamUpdate)
    table = [f"{rule} on {device}, torch {torch.__version__}", f"{'steps':>5} {'form':<20} parameter  v, relative"]
    for step in range(1, max(STEPS) + 1):
        for form in (*forms.values(), exact):
            form.step()
        if step not in STEPS:
            continue
        parameters, moments = exact.values()
        for name, form in forms.items():
            weights, found_moments = form.values()
            error = (weights - parameters).abs().max().item()
            relative = ((found_moments - moments).abs() / moments.clamp(min=1e-12)).max().item()
            table.append(f"{step:>5} {name:<20} {error:9.1e}  {relative:9.1e}")
            rounded = device != "cpu" and name != "generic form"
            within = error < 1e-5 and relative < 5e-6 + rounded * rounding_of_beta(rule.betas[1])
            assert within, "\n".join(table)
    for tensor, other in zip(forms["ours"].tensors, forms["torch.optim, fused"].tensors, strict=True):
        assert torch.equal(tensor, other), "\n".join(table)
    sys.stdout.write("\n".join(["", *table, ""]))
