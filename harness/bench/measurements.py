"""What was measured, where, and how it is kept in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

from harness.bench.cases import case_title
from harness.errors import HarnessError, shown
from harness.machine.contention import TOLERATED
from harness.machine.files import checksum, read_json, write_json
from harness.machine.paths import is_folder
from harness.text import command

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
    """A case's runs: ``rows`` images in each process, the ``seconds`` of each run, and the circumstances.

    Files written before a field with a default was there are read as if they had that.
    """

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
    kind: str = "backend"
    processes: int = 1
    precision: str = "float32"
    variant: str = ""
    """The kernel of the matrix library, where another is chosen than it would take."""
    label: str = ""
    """What tables call it, where that is not its name."""
    reference: bool = False
    """Whether backends are compared with it, in multiples of its speed."""
    operations: float | None = None
    """Floating-point operations an image takes at least: its matrix products."""
    conditions: int = 1
    """Under how many conditions each image is predicted or made: clean, and each severity of a perturbation."""
    startup_seconds: tuple[float, ...] = ()
    """From the start of each process until its network was built."""
    peak_anonymous_bytes: int | None = None
    """Of the largest process, until the case was warm."""
    waited: float | None = None
    """The share of a run's time for which its threads were ready and had no core: the median run's."""
    also: tuple[str, ...] = ()
    """Other experiments of the suite that have the same network."""
    batch_size: int = 512
    parameters: int | None = None
    """Of the network."""
    others: float | None = None
    """What other programs took of as many cores as it may use, as a share of them: the median run's."""

    def __post_init__(self) -> None:
        if not self.seconds or not all(0.0 < second < float("inf") for second in self.seconds):
            msg = f"{self.title}: seconds are {list(self.seconds)}: at least one, all above 0, is needed"
            raise ValueError(msg)

    @property
    def title(self) -> str:
        """The case's title."""
        precision = "float32" if self.kind == "peer" else self.precision  # a peer's name says its own
        return case_title(self.backend, self.network, self.work, precision, self.variant, self.processes)

    @property
    def network_names(self) -> tuple[str, ...]:
        """The names of the experiments that have its network; none where it has none."""
        return (self.network, *self.also) if self.network else ()

    @property
    def median_seconds(self) -> float:
        """Of the median run."""
        return float(np.median(self.seconds))

    @property
    def samples_per_second(self) -> float:
        """Images a second of all processes together, by the median run."""
        return self.rows * self.processes / self.median_seconds

    @property
    def disturbed(self) -> bool:
        """Whether other programs had its cores for more than the tolerated share of the time.

        Threads of some libraries make room for each other when they wait. With no other program, it is normal.
        """
        shares = [share for share in (self.waited, self.others) if share is not None]
        return bool(shares) and min(shares) > TOLERATED

    @property
    def spread(self) -> float | None:
        """Half the distance between the quartiles of the runs, as a fraction of their median; None of a single run."""
        if len(self.seconds) < 2:
            return None
        low, middle, high = np.quantile(self.seconds, [0.25, 0.5, 0.75])
        return float((high - low) / 2 / middle)

    def described(self) -> dict[str, Any]:
        """Return everything but the seconds, as JSON, for pytest-benchmark's ``extra_info``, which `read` reads."""
        content = asdict(self)
        del content["seconds"]
        driver = next((value for key, value in self.environment.items() if key.endswith("driver")), "none")
        return content | {
            "device": self.machine.device,
            "driver": driver,
            "kernel": self.machine.blas,
            "samples_per_second": self.samples_per_second,
            "disturbed": self.disturbed,
            "spread": self.spread,
        }


def document(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Return measurements as JSON, with figures that are computed from them."""
    return {
        "version": _VERSION,
        "measurements": [
            measurement.described() | {"seconds": list(measurement.seconds)} for measurement in measurements
        ],
    }


def check_place(path: Path) -> None:
    """Verify that a file can be written, before anything is measured for it.

    Raises:
        HarnessError: its folder is not there, or it is a folder itself.
    """
    if is_folder(path):
        msg = f"{path}: is a folder. Name a file in it: {path / 'bench.json'}"
        raise HarnessError(msg)
    if not is_folder(path.parent):
        make = command("mkdir", "-p", path.parent)
        msg = f"{path}: there is no folder {path.parent}. Make it first ({make}), or name another place"
        raise HarnessError(msg)


def save(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write measurements to a file.

    Raises:
        HarnessError: it cannot be written.
    """
    check_place(path)
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
        content = read_json(path)
        if "benchmarks" in content:
            entries = [run["extra_info"] | {"seconds": run["stats"]["data"]} for run in content["benchmarks"]]
        elif content["version"] == _VERSION:
            entries = content["measurements"]
        else:
            msg = f"{path}: version {shown(content['version'])} of the format, not {_VERSION}. Measure anew"
            raise HarnessError(msg)
        measurements = _MEASUREMENTS.validate_python(entries)
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise HarnessError(msg) from None
    except (ValueError, KeyError, TypeError) as error:
        why = _first(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
        msg = f"{path}: neither what 'harness bench --save' nor what 'pytest tests/benchmark --benchmark-json' writes: "
        raise HarnessError(msg + why) from None
    if not measurements:
        msg = f"{path}: holds no measurement"
        raise HarnessError(msg)
    return measurements


_MEASUREMENTS = TypeAdapter(list[Measurement])


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
