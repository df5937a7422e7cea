"""What runs on a CUDA device against ``numpy`` on the CPU, wherever the images are kept.

`tests.parity` has the method, `tests.test_parity` what runs on the CPU; one case here runs there too, so that the tests
themselves are exercised on a machine without a GPU.
"""

import numpy as np
import pytest

from harness_array.backends import CupyBackend, NumpyBackend
from harness_torch.backend import TorchBackend
from tests.parity import STEPS, Placed, assert_steps_agree, built, orders

CASES = [
    pytest.param(backend, "cuda", name, placement, id=f"{label}-{name}-{placement}", marks=pytest.mark.gpu)
    for label, backend in (("cupy", CupyBackend()), ("torch", TorchBackend()))
    for name in ("M0", "M1g", "M3b")
    for placement in ("stream", "resident")
]
CASES.append(pytest.param(TorchBackend(), "cpu", "M0", "resident", id="torch-M0-on-the-cpu", marks=pytest.mark.slow))

each_case = pytest.mark.parametrize(("backend", "device", "name", "placement"), CASES)


def skip_unless_available(backend, device):
    reason = backend.unavailable(device)
    if reason:
        pytest.skip(reason)


def assert_epochs_agree(ours, theirs, epochs, rate):
    for order in epochs:
        mine, other = (network.train_epoch(0, order, rate) for network in (ours, theirs))
        np.testing.assert_allclose(other.losses, mine.losses, rtol=1e-10)
        assert other.correct == mine.correct
    theirs.close()


@each_case
def test_fifty_steps_agree_in_float64(backend, device, name, placement):
    """Every step's loss within 1e-10, relative, of numpy's, from one start and without a restart."""
    skip_unless_available(backend, device)
    ours, rate = built(NumpyBackend(), name, "float64", device="cpu")
    theirs, _ = built(Placed(backend, placement), name, "float64", device=device)
    assert theirs.placement == placement
    assert_epochs_agree(ours, theirs, orders(STEPS), rate)


@each_case
def test_epochs_of_many_steps_agree_in_float64(backend, device, name, placement):
    """Five epochs of ten steps: one step an epoch, as above, would not show a batch that is overwritten on its way."""
    skip_unless_available(backend, device)
    ours, rate = built(NumpyBackend(), name, "float64", device="cpu")
    theirs, _ = built(Placed(backend, placement), name, "float64", device=device)
    assert_epochs_agree(ours, theirs, orders(STEPS).reshape(5, -1), rate)


@each_case
def test_restarted_steps_agree_in_float32(backend, device, name, placement):
    """Each of 50 steps' loss and gradients within 1e-5 of float64's: what float32 without TF32 gives."""
    skip_unless_available(backend, device)
    assert_steps_agree(name, Placed(backend, placement), device=device)
