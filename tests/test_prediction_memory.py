"""How many rows backends predict at a time: as many as ever where they are small, fewer where memory would not do."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from torch.nn.modules.module import register_module_forward_hook

import harness_torch.images
from harness.builtin.models import cnn, mlp, resnet
from harness.interfaces import Context, Conv2d, Flatten, Linear, NetworkSpec, Residual
from harness.interfaces.chain import chain_values
from harness.optimizers import SGD
from harness.seeding import initial_state
from harness_array.backends import CupyBackend, NumpyBackend
from harness_array.blocks import predicted_rows
from harness_array.cuda import Cuda
from harness_array.devices import Host
from harness_torch.backend import TorchBackend
from harness_torch.images import predicted_rows as predicted_by_torch
from tests.doubles import device_bytes, strict_cupy

__all__ = ["strict_cupy"]

SIDE = 24
WIDE = NetworkSpec((SIDE, SIDE, 3), 5, cnn((SIDE, SIDE, 3), 5, channels=(32, 8)), batch_size=2)
"""Of which a row's values take a quarter of a megabyte, nearly."""
ROW = 4 * chain_values(WIDE.layers, WIDE.row_shape)
IMAGES = np.random.default_rng(0).random((60, SIDE, SIDE, 3), dtype=np.float32)
LABELS = np.arange(60) % 5


def spec_of(model, shape, **options):
    """Return the spec of a model of ten classes."""
    return NetworkSpec(shape, 10, model(shape, 10, **options), batch_size=4)


CUPY = CupyBackend()


def built(backend):
    """Return a network of `WIDE`."""
    return backend.build(WIDE, initial_state(WIDE, 0), SGD(), Context(0, device="auto" if backend is CUPY else "cpu"))


def test_a_rows_values_are_those_of_every_layer():
    """The input's, each layer's, and those of layers within a layer."""
    inner = (Conv2d(2, 4, kernel=1), Conv2d(4, 2, kernel=1))
    layers = (Residual(inner), Flatten(), Linear(18, 5))
    assert chain_values(inner, (3, 3, 2)) == 18 + 36 + 18
    assert chain_values(layers, (3, 3, 2)) == 18 + (36 + 18) + 18 + 18 + 5
    spec = NetworkSpec((3, 3, 2), 5, layers, 4)
    assert [spec.rows_within(size) for size in (0, 4 * 113, 8 * 113 - 1, 8 * 113)] == [1, 1, 1, 2]
    assert spec.rows_within(8 * 113, itemsize=8) == 1


@pytest.mark.parametrize(
    "spec",
    [
        spec_of(mlp, (28, 28), hidden_layers=[400, 400, 400], batch_norm=True, dropout=0.2),
        spec_of(mlp, (8, 8), hidden_layers=[4096, 4096]),
        spec_of(cnn, (28, 28), channels=[64, 128], batch_norm=True),
        spec_of(cnn, (8, 8)),
        spec_of(resnet, (28, 28), channels=[8, 16, 32]),
        spec_of(resnet, (28, 28)),
    ],
    ids=lambda spec: f"{spec.input_shape} {len(spec.layers)}",
)
def test_small_rows_are_predicted_as_many_at_a_time_as_ever(spec):
    """Digits and EMNIST keep their bits and speed: 1,024 or 8,192 vectors, 64 or 512 images; torch 1,024 or 4,096."""
    share = 1 if len(spec.row_shape) == 1 else 16
    assert predicted_rows(Host(), spec, 4) == 1024 // share
    assert predicted_rows(Cuda, spec, 4) == 8192 // share
    assert [predicted_by_torch(kind, spec, 4) for kind in ("cpu", "cuda")] == [1024, 4096]


@pytest.mark.parametrize("model", [cnn, resnet])
def test_large_images_are_predicted_few_at_a_time(model):
    """At 224 x 224, what is kept of all layers takes a gigabyte at most, four on torch's CUDA; one row always goes."""
    spec = spec_of(model, (224, 224, 3))
    row = 4 * chain_values(spec.layers, spec.row_shape)
    for rows, size in [
        (predicted_rows(Host(), spec, 4), 1 << 30),
        (predicted_rows(Cuda, spec, 4), 1 << 30),
        (predicted_by_torch("cpu", spec, 4), 1 << 30),
        (predicted_by_torch("cuda", spec, 4), 4 << 30),
    ]:
        assert 20 < rows < 512
        assert rows * row <= size
    huge = spec_of(model, (8000, 8000, 3))
    assert predicted_rows(Cuda, huge, 4) == predicted_by_torch("cpu", huge, 4) == 1


def predictions_and_gradients(network):
    """Return what a network says of the images, and its input gradients."""
    return network.predict_images(IMAGES), network.input_gradient(IMAGES, LABELS)


def assert_alike(few, many):
    """Results do not depend on how many rows are predicted at a time."""
    for block_of_few, block_of_many in zip(few, many, strict=True):
        np.testing.assert_allclose(block_of_few, block_of_many, rtol=1e-5, atol=1e-6)


class Peak:
    """The most bytes at a time."""

    bytes = 0


@contextmanager
def host_peak(_cupy):
    """Count what NumPy allocates."""
    peak = Peak()
    tracemalloc.start()
    try:
        yield peak
    finally:
        peak.bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


@contextmanager
def device_peak(cupy):
    """Count what the double of CuPy has on its device."""
    peak = Peak()
    with device_bytes(cupy) as memory:
        add = memory.malloc_postprocess

        def noted(**about):
            add(**about)
            peak.bytes = max(peak.bytes, memory.bytes)

        memory.malloc_postprocess = noted
        yield peak


@pytest.mark.parametrize(
    ("backend", "device", "counted"), [(NumpyBackend(), Host, host_peak), (CUPY, Cuda, device_peak)]
)
def test_memory_of_predictions_and_attacks_is_bounded(backend, device, counted, monkeypatch, strict_cupy):
    """What is held at the most, the network and the frozen one of the input gradient, is as the limit says."""
    monkeypatch.setattr(device, "block_bytes", 1 << 16)  # a layer's own, whatever the rows
    many = predictions_and_gradients(built(backend))
    monkeypatch.setattr(device, "predict_bytes", 7 * ROW)
    with counted(strict_cupy) as peak:
        network = built(backend)
        few = predictions_and_gradients(network)
    assert len(network._batch) == 7
    assert 7 * ROW < peak.bytes < 4 * 7 * ROW
    assert_alike(few, many)


def test_torch_never_has_more_rows_in_a_layer_than_the_limit_allows(monkeypatch):
    """Of predictions and of input gradients."""
    many = predictions_and_gradients(built(TorchBackend()))
    monkeypatch.setitem(harness_torch.images.PREDICT_BYTES, "cpu", 7 * ROW)
    network, sizes = built(TorchBackend()), []
    hook = register_module_forward_hook(lambda _module, _given, output: sizes.append(len(output)))
    try:
        few = predictions_and_gradients(network)
    finally:
        hook.remove()
    assert max(sizes) == 7
    assert len(network._batch) == 7
    assert_alike(few, many)
