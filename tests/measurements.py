"""A measurement, as tests of what is made of them need it."""

from harness import bench

MACHINE = bench.Machine("a processor", "8", "a device", "a blas")


def measurement(seconds, *, backend="numpy", machine=MACHINE, rows=1000, threads=1, **environment):
    """Return one of a training of M0, in runs of so many seconds."""
    return bench.Measurement(
        backend, "M0", "train", "nn-harness 1", rows, threads, machine, environment, tuple(seconds)
    )
