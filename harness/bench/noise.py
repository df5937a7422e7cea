"""The noise floor of a machine: how far a case seems to differ from itself."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter

from harness.bench.cases import Case
from harness.bench.measurements import Machine
from harness.bench.sessions import Session
from harness.bench.storage import stored
from harness.errors import HarnessError
from harness.machine.cache import cache_root
from harness.machine.files import read_json, write_json

QUANTILE = 0.95
"""Of the pairs of runs, how many the floor covers."""
PROCESSES = 8
"""In which a calibration runs, half of them for either side."""


@dataclass(frozen=True)
class NoiseFloor:
    """The fraction by which two equal runs of a backend may differ on a machine, and how that was found."""

    machine: Machine
    backend: str
    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    case: str
    rounds: int
    processes: int

    @property
    def key(self) -> str:
        """What it holds for: see `floor_key`."""
        return floor_key(self.machine, self.backend)


_FLOORS = TypeAdapter(dict[str, NoiseFloor])


def floor_key(machine: Machine, backend: str) -> str:
    """Return what a floor holds for: two backends on one GPU, of no BLAS that they name, differ in their noise."""
    return f"{machine.key} {backend}"


def floor_of(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the fraction that the ratio of two runs stays within in `QUANTILE` of all pairs, one run of each side.

    ``first``, ``second`` (runs,): seconds of the same case. Ratios r and 1 / r deviate equally: by e^|log r| - 1. It is
    the noise of a single pair; what is compared are medians of several runs, which leaves room for a slow drift.

    >>> round(floor_of([1.0, 1.0, 1.0], [1.1, 1.1, 1.1]), 6)
    0.1
    """
    one, other = (np.log(np.asarray(seconds, dtype=np.float64)) for seconds in (first, second))
    deviations = np.abs(one[:, None] - other[None, :])  # (runs, runs)
    return float(np.expm1(np.quantile(deviations, QUANTILE)))


def calibrate(case: Case, rounds: int, *, processes: int = PROCESSES, timeout: float | None = None) -> NoiseFloor:
    """Measure a case against itself, in turns, ``rounds`` runs each in fresh ``processes``, as `measure` does.

    A comparison is between processes: what differs from one to the next, where memory lies, say, is part of its noise,
    and within one would not be seen. ``timeout``: the seconds that each start and each run may take.

    Raises:
        UnavailableError: it cannot run here.
        FailedError: it raised something, its process died, or it took too long.
    """
    found = []
    with stored(case.rows) as images:
        for _ in range(processes):
            with Session(case, images.dataset, os.environ, timeout) as session:
                found.append(session.measured([session.run() for _ in range(rounds)]))
    first, second = ([second for one in found[start::2] for second in one.seconds] for start in (0, 1))
    return NoiseFloor(found[0].machine, case.backend, floor_of(first, second), case.title, rounds, processes)


def noise_path() -> Path:
    """Return where the floors are kept."""
    return cache_root() / "noise.json"


def floors() -> dict[str, NoiseFloor]:
    """Return the floors that the cache holds, by machine and backend; a file that does not read counts as none."""
    try:
        return _FLOORS.validate_python(read_json(noise_path()))
    except (OSError, ValueError):
        return {}


def keep(floor: NoiseFloor) -> Path:
    """Put a floor in the place of the former one; return the file.

    Raises:
        HarnessError: the cache cannot be written to.
    """
    every = floors() | {floor.key: floor}
    path = noise_path()
    try:
        write_json(path, {key: asdict(one) for key, one in every.items()})
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}. Name another place with HARNESS_CACHE_DIR"
        raise HarnessError(msg) from None
    return path
