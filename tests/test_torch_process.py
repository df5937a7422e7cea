"""What a network of torch's sets of the process: how glibc keeps memory, in a process that nothing else has touched."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

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
