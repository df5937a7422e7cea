"""A training's speed beside plain use of a library, the machine's limit, and what its library reaches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.bench.measurements import Measurement


@dataclass(frozen=True)
class Standing:
    """A training's ratios of medians, all within one run of the benchmarks; None where the other is not measured."""

    measurement: Measurement
    times_reference: float | None
    """Its samples a second over those of the reference peer, which had as many cores in one process."""
    of_limit: float | None
    """Its float32 operations a second over the best of any library and kernel in as many processes and threads."""
    of_own: float | None
    """The same over what its own library reached there, by the kernel that it used."""


def standings(measurements: Sequence[Measurement]) -> list[Standing]:
    """Return the ratios of every training."""
    return [_standing(measurement, measurements) for measurement in measurements if measurement.work == "train"]


def rate(measurement: Measurement) -> float:
    """Return floating-point operations a second, matrix products alone; of a training or of products."""
    return measurement.samples_per_second * (measurement.operations or 0.0)


def cores_of(measurement: Measurement) -> int:
    """Return how many cores it may have used."""
    return measurement.processes * measurement.threads


def reference_of(measurement: Measurement, measurements: Iterable[Measurement]) -> Measurement | None:
    """Return the peer whose multiple a training's speed is."""
    return next(
        (
            other
            for other in measurements
            if other.reference
            and (other.network, other.work, cores_of(other))
            == (measurement.network, measurement.work, cores_of(measurement))
        ),
        None,
    )


def limit_of(measurement: Measurement, measurements: Iterable[Measurement]) -> Measurement | None:
    """Return the fastest float32 products of the same network in the same place."""
    products = [other for other in _products(measurement, measurements) if other.precision == "float32"]
    return max(products, key=rate, default=None)


def own_of(measurement: Measurement, measurements: Iterable[Measurement]) -> Measurement | None:
    """Return the products of the library that a training used: its backend's, or, of a peer, the same by name."""
    products = [other for other in _products(measurement, measurements) if other.precision == measurement.precision]
    if measurement.kind == "backend":
        return next((other for other in products if other.backend == measurement.backend and not other.variant), None)
    same = [other for other in products if other.machine.blas == measurement.machine.blas != "unknown"]
    return next(iter(sorted(same, key=lambda other: other.variant)), None)


def _standing(measurement: Measurement, measurements: Sequence[Measurement]) -> Standing:
    reference, limit, own = (find(measurement, measurements) for find in (reference_of, limit_of, own_of))
    return Standing(
        measurement,
        measurement.samples_per_second / reference.samples_per_second if reference else None,
        rate(measurement) / rate(limit) if limit and measurement.precision == "float32" else None,
        rate(measurement) / rate(own) if own else None,
    )


def _products(measurement: Measurement, measurements: Iterable[Measurement]) -> list[Measurement]:
    place = (measurement.network, measurement.processes, measurement.threads, measurement.machine.device)
    return [
        other
        for other in measurements
        if other.work == "products" and (other.network, other.processes, other.threads, other.machine.device) == place
    ]
