"""Two implementations, one network: ``numpy`` from scratch against ``torch`` by autograd, same weights, same order."""

import numpy as np
import pytest

from harness_array.backends import CupyBackend, NumpyBackend
from tests.parity import STEPS, assert_steps_agree, built, orders

torch_backend = pytest.importorskip("harness_torch.backend")
pytest.importorskip("torch")

EXPERIMENTS = ["M0", "M1a", "M1b", "M1c", "M1d", "M1g", "M3a", "M3b"]


FAST_FIRST = [pytest.param(name, marks=pytest.mark.slow) if name == "M1g" else name for name in EXPERIMENTS]
"""The large one has no layer that the others lack."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST_FIRST)
def test_fifty_steps_agree_in_float64(name):
    """Losses within 1e-10, relative, of every step; and the weights at the end."""
    (ours, rate), (theirs, _) = (
        built(backend, name, "float64") for backend in (NumpyBackend(), torch_backend.TorchBackend())
    )
    for order in orders(STEPS):
        mine, other = (network.train_epoch(0, order, rate) for network in (ours, theirs))
        np.testing.assert_allclose(mine.losses, other.losses, rtol=1e-10)
        assert mine.correct == other.correct
    states = ours.state(), theirs.state()
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        assert value.shape == states[1][key].shape
        np.testing.assert_allclose(value, states[1][key], rtol=1e-6, atol=1e-9, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST_FIRST)
@pytest.mark.parametrize("backend", [NumpyBackend, torch_backend.TorchBackend], ids=["numpy", "torch"])
def test_fifty_restarted_steps_agree_in_float32(name, backend):
    """Both backends' float32 against the float64 reference."""
    assert_steps_agree(name, backend(), device="cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("backend", [CupyBackend, torch_backend.TorchBackend], ids=["cupy", "torch"])
def test_fifty_restarted_steps_agree_on_a_gpu(name, backend):
    """The same on a CUDA device."""
    reason = backend().unavailable("cuda")
    if reason:
        pytest.skip(reason)
    assert_steps_agree(name, backend(), device="cuda")
