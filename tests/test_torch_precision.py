"""TF32 is off while a network of torch's computes on CUDA, whichever of torch's two interfaces there is."""

# ruff: noqa: E402 - what follows the check for torch imports it

from contextlib import contextmanager, suppress
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from harness.seeding import initial_state
from harness_torch import precision
from harness_torch.backend import TorchBackend
from harness_torch.precision import float32_precisions, full_float32
from tests.image_networks import spec_of
from tests.networks import labelled_images, mlp
from tests.torch_networks import network, on_cuda

CUDA = torch.device("cuda")
HIGHEST = {"float32_matmul": "highest", "float32_convolution": "highest"}


def torch_before_2_9(products, *, convolutions):
    """What of torch 2.6 to 2.8 has to do with TF32."""
    chosen = SimpleNamespace(products=products)
    return SimpleNamespace(
        device=torch.device,
        backends=SimpleNamespace(cuda=SimpleNamespace(matmul=object()), cudnn=SimpleNamespace(allow_tf32=convolutions)),
        get_float32_matmul_precision=lambda: chosen.products,
        set_float32_matmul_precision=lambda name: setattr(chosen, "products", name),
    )


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("products", ["highest", "medium"])
@pytest.mark.parametrize("convolutions", [True, False])
def test_before_torch_2_9_the_old_switches_are_off_within_and_afterwards_as_they_were(
    monkeypatch, products, convolutions, fails
):
    """Also where a step raises."""
    old = torch_before_2_9(products, convolutions=convolutions)
    monkeypatch.setattr(precision, "torch", old)

    def values():
        return old.get_float32_matmul_precision(), old.backends.cudnn.allow_tf32

    with suppress(ZeroDivisionError), full_float32(CUDA):
        assert values() == ("highest", False)
        if fails:
            raise ZeroDivisionError
    assert values() == (products, convolutions)
    assert float32_precisions() == HIGHEST


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="needs torch 2.9 or later")
@pytest.mark.parametrize("matmul", ["highest", "high"])
def test_from_torch_2_9_on_the_new_switches_are_off_within_and_the_old_ones_can_be_read_afterwards(matmul):
    """Mixed interfaces raise; a program that uses the old one finds its values again. The flags need no CUDA."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision(matmul)
        with full_float32(CUDA):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
            assert torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == (matmul, before[1])
        assert float32_precisions() == HIGHEST
    finally:
        torch.set_float32_matmul_precision(before[0])


def test_a_switch_that_stays_on_is_recorded(monkeypatch):
    """The environment says what is, not what was asked for."""
    old = torch_before_2_9("highest", convolutions=True)
    old.set_float32_matmul_precision = lambda _name: None
    old.get_float32_matmul_precision = lambda: "high"
    monkeypatch.setattr(precision, "torch", old)
    assert float32_precisions() == HIGHEST | {"float32_matmul": "tf32"}


def test_whatever_computes_does_so_with_tf32_off(monkeypatch):
    """Each way into a network asks for it, with the network's device."""
    devices = []

    @contextmanager
    def recorded(device):
        devices.append(device.type)
        yield

    monkeypatch.setattr("harness_torch.process.full_float32", recorded)
    images, labels = labelled_images(40, (1, 6), 3)
    built = network(mlp([6, 5, 3]), images=(images, labels), precision="float32")
    scaled = images.astype(np.float32) / 255
    batches = [(scaled[:8], labels[:8])]
    for compute in (
        lambda: built.train_epoch(0, np.arange(40), 0.01),
        lambda: built.train_batches(0, batches, 0.01),
        lambda: built.predict(np.arange(40)),
        lambda: built.predict_images(scaled),
        lambda: built.input_gradient(scaled, labels),
    ):
        devices.clear()
        compute()
        assert devices == ["cpu"]
    devices.clear()
    built._warm_up(40)
    assert devices == ["cpu"] * 3  # a step, a prediction, a capture


@on_cuda
@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_convolutions_in_float32_are_exact_on_cuda(device, name):
    """Predictions and gradients by the pixels, against float64 on the CPU: with TF32 they are off by 1e-4 and more."""
    spec = spec_of(name)
    images, labels = labelled_images(64, spec.input_shape, 10)
    scaled = images.astype(np.float32) / 255
    built_network, expected = (
        network(spec, state=initial_state(spec, 0), precision=precision, device=where)
        for where, precision in ((device, "float32"), ("cpu", "float64"))
    )
    np.testing.assert_allclose(
        built_network.predict_images(scaled), expected.predict_images(scaled), rtol=1e-5, atol=1e-5
    )
    gradients = [built.input_gradient(scaled, labels) for built in (built_network, expected)]
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-6)
    assert HIGHEST.items() <= TorchBackend().environment(device).items()
