"""The library of torch's linear layers: measured once a machine, recorded, and no matter for what is computed."""

# ruff: noqa: E402 - what follows the check for torch imports it

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from harness.bench import load_networks
from harness.interfaces import Context
from harness.machine.kernels import TUNING_OFF
from harness.machine.measured import machine_with
from harness.plugins.loading import registry
from harness_torch import library as choice
from harness_torch import modules
from harness_torch.backend import TorchBackend
from harness_torch.linear import OneDnnLinear, available, product_of
from harness_torch.peers import Eager
from tests.networks import labelled_images, mlp
from tests.torch_networks import network

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not available(), reason="this build of torch has no oneDNN")


@pytest.fixture
def rates(tmp_path, monkeypatch):
    """Allow tuning, with a new cache, and return a function that stores what a measurement would have found."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(TUNING_OFF)
    monkeypatch.setattr(choice, "REPETITIONS", 2)
    choice.library.cache_clear()

    def keep(entry):
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "cache" / "torch-products.json").write_text(json.dumps({machine_with("torch"): entry}))
        choice.library.cache_clear()

    yield keep
    choice.library.cache_clear()


@pytest.mark.parametrize("rows", [1, 3, 47, 513])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (7, 47), (784, 10)])
def test_its_values_and_gradients_are_those_of_torchs_layer(rows, inputs, outputs):
    """In float32 rounding, with the float64 layer as the reference."""
    torch.manual_seed(rows)
    exact = torch.nn.Linear(inputs, outputs, dtype=torch.float64)
    layer = OneDnnLinear(inputs, outputs)
    layer.load_state_dict(exact.state_dict())
    x = torch.randn(rows, inputs, requires_grad=True)
    gradient = torch.randn(rows, outputs)
    y = layer(x)
    wide = x.detach().double().requires_grad_()
    expected = exact(wide)
    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-4)
    gradients = torch.autograd.grad(y, [x, *layer.parameters()], gradient)
    expected_gradients = torch.autograd.grad(expected, [wide, *exact.parameters()], gradient.double())
    for gradient_, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient_.double(), other, rtol=1e-5, atol=3e-4)


def test_the_first_layers_input_has_no_gradient():
    """It would be a product for nothing."""
    layer = OneDnnLinear(4, 3)
    layer(torch.ones(2, 4)).sum().backward()
    assert layer.weight.grad.shape == (3, 4)
    torch.testing.assert_close(layer.bias.grad, torch.full((3,), 2.0))


def test_strided_matrices_are_multiplied_as_they_are():
    a, b = torch.randn(5, 30)[:, ::2], torch.randn(15, 4).t()
    torch.testing.assert_close(product_of(a, b), a @ b.t())


@pytest.mark.parametrize(("advantage", "expected"), [(0.5, "blas"), (1.1, "blas"), (2.0, "onednn")])
def test_a_clear_advantage_decides(rates, advantage, expected):
    rates({"blas": 1e11, "onednn": advantage * 1e11})
    assert choice.library() == expected
    assert TorchBackend().environment("cpu")["blas"].startswith("onednn" if expected == "onednn" else "mkl")
    assert not Eager().environment("cpu")["blas"].startswith("onednn")


@pytest.mark.slow
@pytest.mark.parametrize("entry", [None, [], {"blas": 1.0}, {"blas": "fast", "onednn": 3.0}])
def test_a_damaged_entry_is_measured_again(rates, tmp_path, entry):
    rates(entry)
    choice.library()
    (stored,) = json.loads((tmp_path / "cache" / "torch-products.json").read_text()).values()
    assert all(1e8 < rate < 1e13 for rate in stored.values())
    assert set(stored) == {"blas", "onednn"}


def test_nothing_is_measured_with_tuning_off(rates, monkeypatch):
    rates({"blas": 1.0, "onednn": 9.0})
    monkeypatch.setenv(TUNING_OFF, "1")
    assert choice.library() == "blas"
    choice.library.cache_clear()
    monkeypatch.delenv(TUNING_OFF)
    monkeypatch.setattr(choice, "available", lambda: False)
    assert choice.library() == "blas"


@pytest.mark.usefixtures("rates")
def test_without_a_cache_torch_keeps_its_own(tmp_path):
    """Processes of one run could otherwise measure differently."""
    (tmp_path / "cache").write_text("a file")
    assert choice.library() == "blas"


def test_measuring_leaves_torchs_state_alone():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    assert set(choice.measured_rates(2)) == {"blas", "onednn"}
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.slow
@pytest.mark.usefixtures("rates")
def test_processes_that_start_together_agree(tmp_path):
    """One measures, the others wait for what it found."""
    program = "from harness_torch import library as c; print(c.library())"
    running = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in running}) == 1
    assert (tmp_path / "cache" / "torch-products.json").exists()


def trained(monkeypatch, kind, precision="float32"):
    monkeypatch.setattr(modules, "library", lambda: kind)
    spec = mlp([64, 16, 10], batch_size=32)
    net = network(spec, precision=precision, images=labelled_images(96, spec.input_shape, 10, 0))
    return net, net.train_epoch(1, np.arange(96), 0.01)


def test_a_network_trains_alike_with_either(monkeypatch):
    """Within float32 rounding; bfloat16 is torch's own matter."""
    (with_blas, blas), (with_onednn, onednn) = trained(monkeypatch, "blas"), trained(monkeypatch, "onednn")
    np.testing.assert_allclose(onednn.losses, blas.losses, rtol=1e-4)
    assert any(isinstance(module, OneDnnLinear) for module in with_onednn._modules)
    assert not any(isinstance(module, OneDnnLinear) for module in with_blas._modules)
    for key, value in with_blas.state().items():
        np.testing.assert_allclose(with_onednn.state()[key], value, atol=1e-3)


@pytest.mark.parametrize("precision", ["bfloat16", "float64"])
def test_other_precisions_stay_torchs(monkeypatch, precision):
    net, _ = trained(monkeypatch, "onednn", precision=precision)
    assert not any(isinstance(module, OneDnnLinear) for module in net._modules)


def test_benchmarks_multiply_by_the_library_of_linear_layers(rates, monkeypatch):
    """And by torch's BLAS beside it, in a process that does not tune: the limit is the faster one."""
    calls = []
    monkeypatch.setattr("harness_torch.products.product_of", lambda *matrices: calls.append(matrices))
    monkeypatch.setattr("harness_torch.backend._cuda_missing", lambda _device: "no device")
    context = Context(1, device="cpu")
    rates({"blas": 1e11, "onednn": 2e11})
    TorchBackend().matrix_products([(4, 3, 2)], context)()
    assert [(a.shape, b.shape) for a, b in calls] == [((4, 3), (2, 3))]
    assert TorchBackend().matrix_kernels() == {choice.described("blas").split()[0]: {TUNING_OFF: "1"}}
    rates({"blas": 1e11, "onednn": 1e11})
    TorchBackend().matrix_products([(4, 3, 2)], context)()
    assert len(calls) == 1
    assert TorchBackend().matrix_kernels() == {}


def test_convolutions_are_those_of_onednn():
    """In float32 torch computes them by it on the CPU, whatever multiplies elsewhere."""
    from torch.profiler import profile

    m4a = load_networks(registry(), ROOT / "suites" / "future-work.toml").named(["M4a"])[0].spec
    spec = replace(m4a, batch_size=16)
    built = network(spec, precision="float32", images=labelled_images(32, (28, 28), 47))
    with profile() as recorded:
        built.train_epoch(0, np.arange(32), 0.01)
    convolutions = [event.name for event in recorded.events() if event.name.endswith("_convolution")]
    assert "aten::mkldnn_convolution" in convolutions
    assert set(convolutions) <= {"aten::_convolution", "aten::mkldnn_convolution"}
