"""What was measured, where, and how it is kept in a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError
from harness.files import checksum, write_json

_VERSION = 1


@dataclass(frozen=True)
class Machine:
    """What makes two timings comparable: the processor, how many cores of it, the device, and the BLAS."""

    processor: str
    cores: str
    device: str
    blas: str

    @classmethod
    def of(cls, circumstances: Mapping[str, str]) -> Self:
        """Return the machine that a backend's and the host's environment describe."""
        return cls(**{key: circumstances.get(key, "unknown") for key in ("processor", "cores", "device", "blas")})

    @property
    def key(self) -> str:
        """A digest of it, for files."""
        return checksum(asdict(self))[:16]

    def differences(self, other: "Machine") -> list[str]:
        """Return what differs, ``"device 'cpu', not 'NVIDIA H100'"``: another's first, then this one's."""
        mine, theirs = asdict(self), asdict(other)
        return [f"{key} {theirs[key]!r}, not {value!r}" for key, value in mine.items() if theirs[key] != value]


@dataclass(frozen=True)
class Measurement:
    """A case's runs: ``rows`` images each, the ``seconds`` of each, and the circumstances."""

    backend: str
    network: str
    work: str
    provenance: str
    """The backend's distribution and version."""
    rows: int
    threads: int
    machine: Machine
    environment: dict[str, str]
    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds or not all(0.0 < one < float("inf") for one in self.seconds):
            msg = f"{self.title}: seconds are {list(self.seconds)}: at least one, all above 0, is needed"
            raise ValueError(msg)

    @property
    def title(self) -> str:
        """What people call the case."""
        return f"{self.backend} {self.network} {self.work}"

    @property
    def samples_per_second(self) -> float:
        """Images a second, by the median run."""
        return self.rows / float(np.median(self.seconds))

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles of the runs, as a fraction of their median."""
        low, middle, high = np.quantile(self.seconds, [0.25, 0.5, 0.75])
        return float((high - low) / 2 / middle)

    def described(self) -> dict[str, Any]:
        """Return everything but the seconds, as JSON: for pytest-benchmark's ``extra_info``, which `read` takes up."""
        told = asdict(self)
        del told["seconds"]
        driver = next((value for key, value in self.environment.items() if key.endswith("driver")), "none")
        return told | {
            "device": self.machine.device,
            "driver": driver,
            "kernel": self.machine.blas,
            "samples_per_second": self.samples_per_second,
            "spread": self.spread,
        }


def document(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Return measurements as JSON, with what a reader wants to know of each beside what was measured."""
    return {
        "version": _VERSION,
        "measurements": [one.described() | {"seconds": list(one.seconds)} for one in measurements],
    }


def save(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write measurements to a file.

    Raises:
        HarnessError: it cannot be written.
    """
    try:
        write_json(path, document(measurements))
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}"
        raise HarnessError(msg) from None


def read(path: Path) -> list[Measurement]:
    """Return the measurements of a file that `save` wrote, or pytest-benchmark (``--benchmark-json``).

    Raises:
        HarnessError: it cannot be read, or is neither.
    """
    try:
        content = json.loads(path.read_bytes())
        if "benchmarks" in content:
            told = [one["extra_info"] | {"seconds": one["stats"]["data"]} for one in content["benchmarks"]]
        elif content["version"] == _VERSION:
            told = content["measurements"]
        else:
            msg = f"{path}: version {content['version']!r} of the format, not {_VERSION}. Measure anew"
            raise HarnessError(msg)
        found = _MEASUREMENTS.validate_python(told)
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise HarnessError(msg) from None
    except (ValueError, KeyError, TypeError) as error:
        why = _first(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
        msg = f"{path}: neither what 'harness bench --save' nor what 'pytest tests/benchmark --benchmark-json' writes: "
        raise HarnessError(msg + why) from None
    if not found:
        msg = f"{path}: holds no measurement"
        raise HarnessError(msg)
    return found


_MEASUREMENTS = TypeAdapter(list[Measurement])


def _first(error: ValidationError) -> str:
    one = error.errors()[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
