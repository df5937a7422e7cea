"""Torch's captured step on a CUDA device, beside eager steps there and on the CPU."""

# ruff: noqa: E402 - what follows the check for torch imports it

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from harness.optimizers import SGD
from tests.image_networks import spec_of
from tests.networks import labelled_images, mlp
from tests.torch_graphs import IMAGES, RATES, SPECS, WaitingLoss, orders
from tests.torch_networks import RULES, network, on_cuda


@on_cuda
@pytest.mark.parametrize("placement", ["stream", "resident"])
@pytest.mark.parametrize("name", [*sorted(SPECS), "cnn", "resnet"])
def test_replays_agree_with_eager_steps_on_cuda(monkeypatch, device, name, placement):
    """Within rounding, and the same masks; the row says which of the two it was."""
    spec = SPECS[name] if name in SPECS else spec_of(name, batch_size=8)
    images = labelled_images(60, spec.input_shape, spec.classes)
    keys = {"images": images, "precision": "float32", "optimizer": SGD(momentum=0.9), "placement": placement}
    captured = network(spec, device=device, **keys)
    monkeypatch.setenv("HARNESS_NO_GRAPH", "1")
    eager = network(spec, device=device, **keys)
    assert (captured.launch, eager.launch) == ("graph", "eager")
    for epoch, (order, rate) in enumerate(zip(orders(), RATES, strict=True)):
        stats, expected = (built.train_epoch(epoch, order, rate) for built in (captured, eager))
        np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-4)
        assert abs(stats.correct - expected.correct) <= 1
    after = eager.state()
    for key, value in captured.state().items():
        np.testing.assert_allclose(value, after[key], rtol=1e-3, atol=1e-4, err_msg=key)
    for built in (captured, eager):
        built.close()


@on_cuda
@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_replays_as_the_cpu_steps(device, name):
    """In float64 over three rates, each captured anew; and in float32 with the rate on the device."""
    for precision, rtol, atol in (("float64", 1e-7, 1e-10), ("float32", 1e-4, 1e-5)):
        keys = {"images": IMAGES, "precision": precision, "optimizer": RULES[name]}
        spec = SPECS["sum, no dropout"]
        captured, expected = (network(spec, device=where, **keys) for where in (device, "cpu"))
        for epoch, (order, rate) in enumerate(zip(orders(), (0.01, 0.003, 0.003), strict=True)):
            losses = [built.train_epoch(epoch, order, rate).losses for built in (captured, expected)]
            np.testing.assert_allclose(*losses, rtol=rtol)
        assert captured.launch == "graph"
        after = expected.state()
        for key, value in captured.state().items():
            np.testing.assert_allclose(value, after[key], rtol=rtol, atol=atol, err_msg=f"{precision} {key}")


@on_cuda
def test_where_the_capture_fails_on_cuda_steps_are_eager(device):
    """Training goes on as on the CPU, dropout and a capture of another network included."""
    spec = mlp([12, 9, 3], dropout=0.3, batch_size=8, loss=WaitingLoss())
    failed = network(spec, images=IMAGES, precision="float32", device=device)
    assert failed.launch == "eager"
    assert np.isfinite(failed.train_epoch(0, orders()[0], 0.01).losses).all()
    spec = mlp([12, 9, 3], batch_size=8, loss=WaitingLoss())
    failed, expected = (network(spec, images=IMAGES, device=where) for where in (device, "cpu"))
    losses = [built.train_epoch(0, orders()[0], 0.01).losses for built in (failed, expected)]
    np.testing.assert_allclose(*losses, rtol=1e-9)
    assert network(SPECS["sum, no dropout"], images=IMAGES, device=device).launch == "graph"


@on_cuda
def test_a_graph_survives_workspaces_that_are_cleared(device):
    """As torch.compile's own graphs do: a captured product has its workspace in the graph's memory."""
    spec = mlp([784, 400, 240, 10], batch_size=512)
    keys = {"images": labelled_images(2048, (1, 784), 10), "precision": "float32", "device": device}
    built, expected = (network(spec, **keys) for _ in range(2))
    assert built.launch == "graph"
    torch._C._cuda_clearCublasWorkspaces()
    torch.cuda.empty_cache()
    others = [torch.full((1 << 20,), float("nan"), device=device) for _ in range(64)]  # where the workspaces were
    order = np.arange(2048)
    losses = [each.train_epoch(0, order, 0.01).losses for each in (built, expected)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert all(bool(torch.isnan(other).all()) for other in others)
