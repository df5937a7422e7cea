"""What a network of torch's sets of the process: how glibc keeps memory, in a process that nothing else has touched."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.machine.threads import limited

torch = pytest.importorskip("torch")

STEPS = """
import resource
import numpy as np
from harness.interfaces import Activation, Conv2d, Flatten, Linear, MaxPool2d, NetworkSpec
from tests.networks import labelled_images
from tests.torch_networks import network

layers = (
    Conv2d(1, 16, kernel=3, padding=1), Activation("relu"), MaxPool2d(2),
    Conv2d(16, 32, kernel=3, padding=1), Activation("relu"), MaxPool2d(2), Flatten(), Linear(1568, 10),
)
built = network(NetworkSpec((28, 28), 10, layers, 128), precision="float32", images=labelled_images(1280, (28, 28), 10))
built.train_epoch(0, np.arange(1280), 0.01)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
built.train_epoch(1, np.arange(1280), 0.01)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose limits these are")
def test_a_step_has_the_memory_of_the_last_one():
    """The activations of a convolutional network are not mapped anew: 32 MB a step would be 8,000 page faults."""
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", STEPS], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 400


def mkls_threads():
    """Return how many threads torch's MKL would take for a product; None where torch has another library."""
    match = re.search(r"mkl_get_max_threads\(\) : (\d+)", torch.__config__.parallel_info())
    return int(match[1]) if match else None


@pytest.mark.skipif(mkls_threads() is None, reason="needs torch's MKL, which keeps a number of threads")
def test_a_later_network_has_its_own_number_of_threads_for_products():
    """Also where the limit of all libraries was set before, so that torch says it has that number already."""
    from harness_torch.process import use_threads

    for threads in (2, 1, 2):
        with limited(threads):
            use_threads(threads)
            assert (torch.get_num_threads(), mkls_threads()) == (threads, threads)
