"""Torch on a CUDA device; and on the CPU, what can be shown of it there."""

# ruff: noqa: E402 - what follows the check for torch imports it

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from harness.optimizers import Adam
from harness.seeding import epoch_order
from harness_torch.backend import TorchBackend
from harness_torch.images import AttachedImages
from tests.networks import labelled_images, mlp
from tests.torch_networks import RULES, assert_same_bits, network, on_cuda

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.usefixtures("torch_threads")


@on_cuda
@pytest.mark.parametrize("placement", ["stream", "resident"])
@pytest.mark.parametrize(("batch_norm", "rule"), [(False, "adam"), (True, "momentum")])
def test_cuda_trains_as_the_cpu_does(device, placement, batch_norm, rule):
    """Thirteen steps in float64 over both placements; the peak of memory covers at least what must be held.

    Adam has no batch norm here: that leaves the bias before it a gradient of rounding alone, which Adam divides by its
    own size, so that the bias moves at the full rate, this way or that.
    """
    spec = mlp([12, 9, 9, 3], shape=(3, 4), activation="gelu", batch_norm=batch_norm, batch_size=8, weight_decay=1e-3)
    images = labelled_images(100, (3, 4), 3)
    placed, reference = (
        network(spec, images=images, optimizer=RULES[rule], device=where, placement=how)
        for where, how in ((device, placement), ("cpu", "stream"))
    )
    stats, expected = (built.train_epoch(0, epoch_order(0, 0, np.arange(100)), 0.01) for built in (placed, reference))
    np.testing.assert_allclose(stats.losses, expected.losses, rtol=1e-9)
    assert stats.correct == expected.correct
    for key, value in reference.state().items():
        np.testing.assert_allclose(placed.state()[key], value, rtol=1e-6, atol=1e-9, err_msg=key)
    assert stats.peak_device_bytes >= 4 * 8 * spec.parameter_count()
    placed.close()


@on_cuda
def test_a_streamed_batch_is_never_overwritten_on_its_way_to_the_device(device):
    """Many large batches in flight: each arrives as it was gathered."""
    images, labels = labelled_images(4096, (28, 28), 10)
    batch = torch.empty(2048, 784, device=device)
    attached = AttachedImages(images, labels, "stream", batch)
    orders = [epoch_order(0, step, np.arange(4096))[:2048] for step in range(50)]
    sums = torch.stack([attached.gather(rows).double().sum(dim=1) for rows in orders]).cpu().numpy()
    totals = images.reshape(4096, -1).sum(axis=1) / 255
    np.testing.assert_allclose(sums, np.stack([totals[rows] for rows in orders]), rtol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("class_weights", [None, (1.0, 2.0, 3.0)], ids=["plain", "weighted"])
def test_a_fresh_process_trains_on_a_numbered_device(class_weights):
    """The first that a worker of `harness run` does with CUDA, on the device that `TorchBackend.devices` names.

    Of weighted classes autograd's first operation is a product; of the plain loss it is not.
    """
    reason = TorchBackend().unavailable("cuda:0")
    if reason:
        pytest.skip(reason)
    script = (
        "import numpy as np\n"
        "from tests.torch_networks import network\n"
        "from tests.networks import labelled_images, mlp\n"
        f"spec = mlp([6, 5, 3], class_weights={class_weights})\n"
        "built = network(spec, device='cuda:0', images=labelled_images(40, (1, 6), 3))\n"
        "print(built.train_epoch(0, np.arange(40), 0.01).peak_device_bytes)\n"
    )
    command = [sys.executable, "-W", "error:Attempting to run cuBLAS", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


class FakeCuda:
    """What of torch's CUDA a machine without it can play: which call needs which before it, as torch has them."""

    def __init__(self, monkeypatch):
        self.calls = []
        self._initialised = False
        monkeypatch.setattr(torch.cuda, "init", self.init)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.reset)

    def init(self):
        """Initialise."""
        self._initialised = True
        self.calls.append("init")

    def reset(self, device):
        """Restart the statistics."""
        if not self._initialised and device.index is not None:
            raise RuntimeError("Invalid device argument 0: did you call init?")
        self.calls.append(f"reset {device}")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:1"])
def test_cuda_is_initialised_before_anything_is_asked_of_it(monkeypatch, device):
    """With a device's number, the statistics do not initialise CUDA themselves."""

    class ReachedError(Exception):
        pass

    def masks(*_args, **_keys):
        raise ReachedError

    cuda = FakeCuda(monkeypatch)
    monkeypatch.setattr("harness_torch.network.DeviceMasks", masks)
    with pytest.raises(ReachedError):
        network(mlp([6, 5, 3]), device=device)
    assert cuda.calls == ["init", f"reset {device}"]


@pytest.mark.parametrize("placement", ["stream", "resident"])
def test_a_warm_up_leaves_no_trace(placement):
    """State and the epochs after it are the same to the last bit, whatever the labels are."""
    spec = mlp([12, 5, 3], batch_norm=True, dropout=0.3, batch_size=8, weight_decay=1e-3)
    images, labels = labelled_images(20, (1, 12), 3)
    keys = {"images": (images, labels), "optimizer": Adam(), "placement": placement}
    warm, cold = (network(spec, **keys) for _ in range(2))
    for epoch in range(2):
        warm._warm_up(20)
        assert_same_bits(cold.state(), warm.state())
        stats, expected = (built.train_epoch(epoch, np.arange(20), 0.01) for built in (warm, cold))
        np.testing.assert_array_equal(stats.losses, expected.losses)
    network(spec, images=(images[:1], labels[:1]))._warm_up(1)


@pytest.mark.slow
def test_closing_lets_go_of_every_tensor():
    """A network that is closed holds nothing, even while something still refers to it."""

    def tensors():
        gc.collect()
        return sum(
            issubclass(type(object_), torch.Tensor) for object_ in gc.get_objects()
        )  # isinstance() asks the object

    gc.collect()
    gc.freeze()  # the objects of before are many, and are none of ours
    before = tensors()
    built = network(
        mlp([6, 5, 3], batch_norm=True, dropout=0.2), optimizer=Adam(), images=labelled_images(40, (1, 6), 3)
    )
    built.train_epoch(0, np.arange(40), 0.01)
    assert tensors() > before
    built.close()
    left = tensors()
    gc.unfreeze()
    assert left == before


@on_cuda
def test_a_set_that_fits_stays_on_the_device(device):
    """``placement = "auto"`` on an accelerator."""
    assert network(mlp([6, 5, 3]), images=labelled_images(40, (1, 6), 3), device=device).placement == "resident"
