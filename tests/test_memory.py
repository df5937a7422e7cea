"""The memory that a worker takes for itself, however large the set that it trains on."""

import subprocess
import sys

import pytest

from harness_array.cuda import allocations

WORKER = """
import sys
from pathlib import Path
import numpy as np
from harness.bench.memory import PeakMemory
from harness.datasets.cache import CachedDataset
from harness.datasets.info import DatasetInfo
from harness.interfaces import Context
from harness.plugins.loading import registry
from harness.trial.jobs import train
from harness.trial.schedules import Constant
from harness.plugins.options import ComponentSpec
from harness.trial.specs import TrialSpec
from harness.suite.network import network_spec
from harness.suite.models import Experiment
from harness.datasets.splits import SplitTable

folder = Path(sys.argv[1])
data = CachedDataset(DatasetInfo("large", "x", 800_000, tuple(map(str, range(47))), shape=(28, 28)), folder)
experiment = Experiment.model_validate(
    {"hidden_layers": [400, 240, 120], "optimizer": {"name": "adam", "learning_rate": 0.001}, "epochs": 1}
)
spec = TrialSpec(
    experiment="M1g", seed=1, data=data, split=SplitTable(), network=network_spec(experiment, (28, 28), 47),
    backend="numpy", optimizer=ComponentSpec("adam", {}, Path()), learning_rate=0.001, schedule=Constant(), epochs=1,
    early_stopping=None, context=Context(1), fingerprint="x",
)
with PeakMemory() as memory:
    train(spec, registry(), lambda record: None)
print(memory.bytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_a_numpy_worker_on_800000_images_stays_under_250_mb(tmp_path, record_property):
    """Images are memory-mapped: anonymous memory (RssAnon) holds parameters, buffers, labels and one validation set."""
    import numpy as np

    images = np.lib.format.open_memmap(tmp_path / "images.npy", mode="w+", dtype=np.uint8, shape=(800_000, 28, 28))
    rng = np.random.default_rng(0)
    for start in range(0, 800_000, 20_000):
        images[start : start + 20_000] = rng.integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    images.flush()
    np.save(tmp_path / "labels.npy", np.arange(800_000) % 47)
    done = subprocess.run([sys.executable, "-c", WORKER, str(tmp_path)], capture_output=True, text=True, check=True)
    megabytes = int(done.stdout) / 1e6
    record_property("peak_rss_anon_mb", megabytes)
    assert megabytes < 250


def test_memory_of_a_device_that_is_freed_elsewhere_is_not_counted_twice():
    """What a pool gives out again was freed, whether or not the hook has seen it."""
    counted = allocations(object)
    counted.malloc_postprocess(mem_size=512, mem_ptr=1)
    counted.malloc_postprocess(mem_size=1024, mem_ptr=1)
    assert counted.peak == 1024
    counted.free_postprocess(mem_ptr=1)
    counted.malloc_postprocess(mem_size=512, mem_ptr=2)
    assert counted.peak == 1024
