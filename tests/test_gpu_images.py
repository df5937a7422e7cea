"""A captured step of networks of images on a CUDA device: its launches one by one, and ``numpy``, agree with it.

One case runs on the double of CuPy too, so that the tests themselves are exercised on a machine without a GPU.
"""

import numpy as np
import pytest

from harness.builtin.models import cnn, resnet
from harness.interfaces import NetworkSpec
from harness.optimizers import SGD, Adam
from harness.seeding import epoch_order
from harness_array.backends import CupyBackend, NumpyBackend
from tests.doubles import needs_compiler, strict_cupy
from tests.image_networks import CHAINS, built, spec_of
from tests.networks import labelled_images
from tests.test_fused_step import assert_alike
from tests.test_gpu_parity import skip_unless_available

__all__ = ["strict_cupy"]

M4A = NetworkSpec((28, 28), 10, cnn((28, 28), 10, channels=[16, 32], dense=[128], dropout=0.3), batch_size=128)
M4F = NetworkSpec((28, 28), 10, resnet((28, 28), 10, channels=[8, 16, 32], dropout=0.3), batch_size=128)
CASES = [
    *(
        pytest.param(name, placement, "device", id=f"{name}-{placement}", marks=pytest.mark.gpu)
        for name in CHAINS
        for placement in ("stream", "resident")
    ),
    pytest.param("cnn", "resident", "double", id="cnn-on-the-double", marks=[needs_compiler, pytest.mark.slow]),
]


@pytest.fixture
def place(request):
    """Return the backend's device: a CUDA device, or the double's."""
    if request.param == "double":
        request.getfixturevalue("strict_cupy")
    else:
        skip_unless_available(CupyBackend(), "cuda")


@pytest.mark.parametrize(("name", "placement", "place"), CASES, indirect=["place"])
@pytest.mark.usefixtures("place")
def test_a_captured_step_is_numpys(name, placement):
    """Losses, counts and state of three epochs in float64, the last batch of each smaller."""
    spec = spec_of(name, batch_size=20)
    images = labelled_images(170, spec.input_shape, 10)
    ours = built(CupyBackend(), spec, images, optimizer=Adam(), placement=placement)
    theirs = built(NumpyBackend(), spec, images, optimizer=Adam())
    assert (ours.launch, ours.placement) == ("graph", placement)
    for epoch in range(3):
        order = epoch_order(0, epoch, np.arange(170))
        stats, expected = (each.train_epoch(epoch, order, 0.003) for each in (ours, theirs))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-9)
        assert stats.correct == expected.correct
    assert_alike(ours.state(), theirs.state())
    for made in (ours, theirs):
        made.close()


@pytest.mark.parametrize(("name", "placement", "place"), CASES, indirect=["place"])
@pytest.mark.usefixtures("place")
def test_a_captured_step_has_the_bits_of_its_launches(monkeypatch, name, placement):
    """In float32, of equal starts: cuBLAS has a workspace for each stream, and no kernel adds in an open order."""
    assert_equal_bits(monkeypatch, spec_of(name, batch_size=20), placement, rows=170)


@pytest.mark.gpu
@pytest.mark.parametrize("spec", [M4A, M4F], ids=["M4a", "M4f"])
@pytest.mark.parametrize("placement", ["stream", "resident"])
def test_networks_of_the_suite_have_the_bits_of_their_launches(monkeypatch, spec, placement):
    """With dropout, at the size that they are trained in."""
    skip_unless_available(CupyBackend(), "cuda")
    assert_equal_bits(monkeypatch, spec, placement, rows=1_000)


def assert_equal_bits(monkeypatch, spec, placement, rows):
    """Compare two epochs of a network by graphs with those of its equal without."""
    images = labelled_images(rows, spec.input_shape, 10)
    keys = {"optimizer": SGD(momentum=0.9), "precision": "float32", "placement": placement}
    captured = built(CupyBackend(), spec, images, **keys)
    monkeypatch.setenv("HARNESS_NO_GRAPH", "1")
    eager = built(CupyBackend(), spec, images, **keys)
    assert (captured.launch, eager.launch) == ("graph", "eager")
    for epoch in range(2):
        stats, expected = (each.train_epoch(epoch, np.arange(rows), 0.003) for each in (captured, eager))
        np.testing.assert_array_equal(stats.losses, expected.losses)
        assert stats.correct == expected.correct
    for key, value in eager.state().items():
        np.testing.assert_array_equal(captured.state()[key], value, err_msg=key)
    for made in (captured, eager):
        made.close()
