"""Cases and measurements, as tests of what is made of them need them."""

from dataclasses import replace
from functools import cache

import numpy as np

from harness import bench
from harness.plugins.loading import registry

MACHINE = bench.Machine("a processor", "8", "a device", "a blas")
OPENBLAS = bench.Machine("a processor", "2", "cpu", "openblas 1 Haswell")
MKL = replace(OPENBLAS, blas="mkl 2")


def measurement(seconds, *, backend="numpy", machine=MACHINE, rows=1000, threads=1, **environment):
    """Return one of a training of M0, in runs of these seconds."""
    return bench.Measurement(
        backend, "M0", "train", "nn-harness 1", rows, threads, machine, environment, tuple(seconds)
    )


def rated(name, rate, work="train", *, network="M0", processes=1, threads=2, machine=OPENBLAS, **more):
    """Return a measurement of ``rate`` samples a second, an operation each."""
    rows = 1000
    seconds = (rows * processes / rate,) * 3
    defaults = {"operations": 1e9, "kind": "backend"}
    return bench.Measurement(
        name, network, work, "x 1", rows, threads, machine, {}, seconds, processes=processes, **defaults | more
    )


@cache
def shipped():
    """Return the networks of the shipped suite."""
    return bench.load_networks(registry())


def bench_case(backend, network, work, *arguments, **more):
    """Return a case on one of them; without a network on none."""
    return bench.Case(backend, shipped().known[network] if network else None, work, *arguments, **more)


def calibration(noise, *, backend="numpy", machine=MACHINE, invocations=8):
    """Return one whose measurements differ by ``noise`` (standard deviation of the logarithm), each by its process."""
    levels = np.linspace(-1.0, 1.0, 2 * invocations)
    seconds = np.exp(noise * levels / np.std(levels)).reshape(2, invocations).T  # (invocations, processes)
    runs = tuple(tuple((float(second),) * 7 for second in invocation) for invocation in seconds)
    return bench.Calibration(machine, backend, f"{backend} M0 train", 1000, runs, (False,) * invocations)
