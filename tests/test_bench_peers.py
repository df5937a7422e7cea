"""Peers are honest: they train what the backends train, on every image, as their users would."""

import weakref

import numpy as np
import pytest
from sklearn.datasets import load_digits

from harness.bench.classifier import MLPClassifierPeer
from harness.interfaces import (
    Activation,
    BatchNorm,
    Context,
    Dropout,
    Linear,
    MultiplyingBackend,
    NetworkSpec,
    Peer,
    implements,
)
from harness.plugins.layer_kinds import missing_layers
from harness.plugins.loading import registry
from harness.trial.jobs import load_backend
from harness_array import products
from harness_array.devices import Host
from harness_torch.peers import Bfloat16, Eager, WithDataLoader
from tests.measurements import bench_case

LAYERS = (Linear(64, 32), Activation("relu"), Linear(32, 10))
MODERN = (Linear(64, 32), BatchNorm(32), Activation("silu"), Dropout(0.1), Linear(32, 10))


def spec(layers=LAYERS, **more):
    return NetworkSpec((8, 8), 10, layers, batch_size=128, **more)


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return (x.reshape(-1, 8, 8) * 15).astype(np.uint8), y.astype(np.int64)


@pytest.fixture
def torch():
    """Return torch; without it the test is skipped."""
    return pytest.importorskip("torch")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch-eager", "torch-dataloader", "torch-bfloat16", "sklearn-mlp"])
def test_a_peer_learns(name, digits, request):
    """Ten epochs of digits: what is timed is training."""
    torch = request.getfixturevalue("torch") if name.startswith("torch") else None
    images, labels = digits
    peer: Peer = registry().find("peer", name).load()()
    assert peer.unavailable("cpu") is None
    assert peer.environment("cpu").keys() >= {"device", "blas"}
    network = peer.build(spec(), 0.005, Context(0, device="cpu", threads=1))
    network.attach(images, labels)
    for _ in range(10):
        network.train_epoch()
    network.synchronize()
    x = images.reshape(len(images), -1).astype(np.float32) / 255
    if torch:
        with torch.inference_mode():
            predicted = network._model(torch.from_numpy(x)).argmax(dim=1).numpy()
    else:
        predicted = network._model.predict(x)
    assert np.mean(predicted == labels) > 0.9
    network.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Eager, WithDataLoader, Bfloat16])
def test_an_epoch_of_a_torch_peer_is_every_image_once_in_batches(kind, digits, torch):
    """Shuffled, float32, in [0, 1]; the last batch is what is left."""
    images, labels = digits
    network = kind().build(spec(), 0.001, Context(0, device="cpu", threads=1))
    network.attach(images, labels)
    batches = list(network.batches())
    assert [len(y) for _, y in batches] == [128] * 14 + [5]
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert x.dtype == torch.float32
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    assert not torch.equal(y, torch.from_numpy(labels))
    assert torch.equal(x.sum(0).round(), (torch.tensor(images).flatten(1) / 255).sum(0).round())
    assert torch.equal(torch.bincount(y), torch.bincount(torch.from_numpy(labels)))


def test_torch_peers_have_the_same_network_as_the_backends(torch):
    """Parameter for parameter, and the decay of the experiment."""
    modern = spec(MODERN, weight_decay=1e-4)
    network = Eager().build(modern, 0.003, Context(0, device="cpu", threads=1))
    assert sum(p.numel() for p in network._model.parameters()) == modern.parameter_count()
    names = [type(module).__name__ for module in network._model]
    assert names == ["Linear", "BatchNorm1d", "SiLU", "Dropout", "Linear"]
    (group,) = network._optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.003, 1e-4)
    with Bfloat16().build(modern, 0.003, Context(0, device="cpu", threads=1)).precision():
        assert network._model(torch.rand(4, 64)).dtype == torch.bfloat16
    assert network._model(torch.rand(4, 64)).dtype == torch.float32


def test_scikit_learn_says_what_it_has_not():
    """M3b has all of it: layers, and an activation."""
    peer = MLPClassifierPeer()
    modern = bench_case("sklearn-mlp", "M3b", "train").spec
    assert missing_layers(peer, peer.title, modern) == (
        f"layers 'BatchNorm' and 'Dropout' are not supported by {peer.title}: it has Linear, Activation"
    )
    assert peer.unsupported(modern) == ["activation"]
    assert peer.unsupported(bench_case("sklearn-mlp", "M1g", "train").spec) == []
    assert peer.unavailable("cuda") == "scikit-learn runs on the CPU alone, not on 'cuda'"
    network = peer.build(bench_case("sklearn-mlp", "M1g", "train").spec, 0.001, Context(0))
    assert network._model.hidden_layer_sizes == [400, 240, 120]
    assert (network._model.batch_size, network._model.solver) == (512, "adam")


class RecordingDevice(Host):
    """NumPy's host, which counts how often it is waited for."""

    def __init__(self, *, accelerated=False):
        super().__init__()
        self.waited = 0
        self.accelerated = accelerated

    def synchronize(self):
        """Count."""
        self.waited += 1


def test_products_are_those_that_are_asked_for(monkeypatch):
    """Each once, into memory that is there, and waited for."""
    done = []
    device = RecordingDevice()
    multiply = np.matmul
    run = products.repeatable(device, [(2, 3, 4), (5, 2, 3)], "float32")
    monkeypatch.setattr(np, "matmul", lambda a, b, out: done.append((a.shape, b.shape, multiply(a, b, out=out).dtype)))
    run()
    assert done == [((2, 3), (3, 4), np.float32), ((5, 2), (2, 3), np.float32)]
    assert device.waited == 1


def test_an_accelerator_is_waited_for_once_after_all_products(monkeypatch):
    """Waiting after each would measure latency; equal products share their memory."""
    device, places = RecordingDevice(accelerated=True), []
    run = products.repeatable(device, [(2, 3, 4), (5, 2, 3)] * 10, "float32")
    monkeypatch.setattr(np, "matmul", lambda _a, _b, out: places.append((device.waited, id(out))))
    run()
    assert len(places) == 20
    assert len(set(places)) == 2
    assert device.waited == 1


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_backends_show_their_librarys_products(name):
    """A function to call, and kernels with the environment that chooses each."""
    pytest.importorskip(name)
    backend = load_backend(registry().find("backend", name))
    assert implements(backend, MultiplyingBackend)
    assert backend.matrix_products([(4, 5, 6)], Context(0, device="cpu"))() is None
    for kernel, variables in backend.matrix_kernels().items():
        assert variables == {"OPENBLAS_CORETYPE": kernel}
    assert not products.openblas_kernels("mkl 2024")


@pytest.mark.parametrize("kind", [Eager, WithDataLoader])
def test_a_torch_peer_lets_go_of_the_images(kind, digits, torch):  # noqa: ARG001 - skipped without it
    """Of its loader's too."""
    network = kind().build(spec(), 0.001, Context(0, device="cpu", threads=1))
    network.attach(*digits)
    kept = weakref.ref(network._x)
    network.close()
    assert kept() is None
