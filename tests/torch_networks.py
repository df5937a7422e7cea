"""The torch backend's networks, rules and devices, as its tests want them."""

# ruff: noqa: E402 - what follows the check for torch imports it

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from harness.interfaces import Context
from harness.optimizers import SGD, Adam, AdamW
from harness.seeding import initial_state
from harness_torch.backend import TorchBackend

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
        "cuda:0",  # with its number, as `TorchBackend.devices` names it
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device that torch can use"),
        ],
    ),
]
on_cuda = pytest.mark.parametrize("device", DEVICES[1:])
on_each_device = pytest.mark.parametrize("device", DEVICES)


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


def assert_same_bits(state, expected):
    assert state.keys() == expected.keys()
    for key, value in state.items():
        np.testing.assert_array_equal(expected[key], value, err_msg=key, strict=True)


def as_generic(rule):
    """Return the same rule under a type that no backend recognises."""
    return type("ThirdParty", (type(rule),), {})(**vars(rule))


def rounding_of_beta(beta):
    """Return by how much 1 - β is off, relatively, when β is rounded to float32."""
    return abs((1.0 - float(np.float32(beta))) / (1.0 - beta) - 1.0)
