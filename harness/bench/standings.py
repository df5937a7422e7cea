"""Where a measurement stands: beside plain use of a library, below the machine's limit, and below its own library's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.bench.measurements import Measurement


@dataclass(frozen=True)
class Standing:
    """A training's ratios of medians, all within one run of the benchmarks; None where the other is not measured."""

    one: Measurement
    times_reference: float | None
    """Its samples a second over those of the reference peer, which had as many cores in one process."""
    of_limit: float | None
    """Its float32 operations a second over the best of any library and kernel in as many processes and threads."""
    of_own: float | None
    """The same over what its own library reached there, by the kernel that it used."""


def standings(measurements: Sequence[Measurement]) -> list[Standing]:
    """Return the standing of every training."""
    return [_standing(one, measurements) for one in measurements if one.work == "train"]


def rate(one: Measurement) -> float:
    """Return floating-point operations a second, matrix products alone; of a training or of products."""
    return one.samples_per_second * (one.operations or 0.0)


def cores_of(one: Measurement) -> int:
    """Return how many cores it may have used."""
    return one.processes * one.threads


def reference_of(one: Measurement, measurements: Iterable[Measurement]) -> Measurement | None:
    """Return the peer that a training is told in multiples of."""
    return next(
        (
            other
            for other in measurements
            if other.reference
            and (other.network, other.work, cores_of(other)) == (one.network, one.work, cores_of(one))
        ),
        None,
    )


def limit_of(one: Measurement, measurements: Iterable[Measurement]) -> Measurement | None:
    """Return the fastest float32 products of the same network in the same place."""
    found = [other for other in _products(one, measurements) if other.precision == "float32"]
    return max(found, key=rate, default=None)


def own_of(one: Measurement, measurements: Iterable[Measurement]) -> Measurement | None:
    """Return the products of the library that a training used: its backend's, or, of a peer, the same by name."""
    found = [other for other in _products(one, measurements) if other.precision == one.precision]
    if one.kind == "backend":
        return next((other for other in found if other.backend == one.backend and not other.variant), None)
    same = [other for other in found if other.machine.blas == one.machine.blas != "unknown"]
    return next(iter(sorted(same, key=lambda other: other.variant)), None)


def _standing(one: Measurement, measurements: Sequence[Measurement]) -> Standing:
    reference, limit, own = (find(one, measurements) for find in (reference_of, limit_of, own_of))
    return Standing(
        one,
        one.samples_per_second / reference.samples_per_second if reference else None,
        rate(one) / rate(limit) if limit and one.precision == "float32" else None,
        rate(one) / rate(own) if own else None,
    )


def _products(one: Measurement, measurements: Iterable[Measurement]) -> list[Measurement]:
    place = (one.network, one.processes, one.threads, one.machine.device)
    return [
        other
        for other in measurements
        if other.work == "products" and (other.network, other.processes, other.threads, other.machine.device) == place
    ]
