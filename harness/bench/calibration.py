"""Measuring a case against itself, and keeping what that shows of the machine's noise."""

import os
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.bench.cases import Case
from harness.bench.noise import Calibration
from harness.bench.sessions import Session
from harness.bench.storage import stored
from harness.errors import HarnessError
from harness.machine.cache import cache_root
from harness.machine.files import read_json, write_json

INVOCATIONS = 8
"""Of one ``--calibrate``."""
PROCESSES = 2
"""Of each invocation."""
MOST = 40
"""Invocations of a backend that are kept, the latest: what a machine was like long ago says little of today."""

_CALIBRATION = TypeAdapter(Calibration)


def calibrate(case: Case, rounds: int, *, processes: int = PROCESSES, timeout: float | None = None) -> Calibration:
    """Measure a case as one invocation would, in fresh ``processes`` one after the other, ``rounds`` runs in each.

    The images are made anew, too. ``timeout``: the seconds that each start and each run may take.

    Raises:
        UnavailableError: it cannot run here.
        FailedError: it raised something, its process died, or it took too long.
    """
    measured = []
    with stored(case.rows) as images:
        for _ in range(processes):
            with Session(case, images.dataset, os.environ, timeout) as session:
                measured.append(session.measured([session.run() for _ in range(rounds)]))
    invocation = tuple(result.seconds for result in measured)
    disturbed = any(result.disturbed for result in measured)
    return Calibration(measured[0].machine, case.backend, case.title, case.rows, (invocation,), (disturbed,))


def calibration_path() -> Path:
    """Return where calibrations are kept."""
    return cache_root() / "noise.json"


def calibrations() -> dict[str, Calibration]:
    """Return the calibrations that the cache holds, by machine and backend; what cannot be read counts as none."""
    try:
        entries = read_json(calibration_path())
    except (OSError, ValueError):
        return {}
    kept = {}
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        try:
            kept[key] = _CALIBRATION.validate_python(entry)
        except ValidationError:  # damaged, or an earlier version's
            continue
    return kept


def keep(calibration: Calibration) -> Calibration:
    """Add a calibration's invocations to those of the same case that are kept, in whose place it is put; return both.

    Raises:
        HarnessError: the cache cannot be written to.
    """
    every = calibrations()
    before = every.get(calibration.key)
    if before and before.extends(calibration):
        calibration = replace(
            calibration,
            invocations=(*before.invocations, *calibration.invocations)[-MOST:],
            disturbed=(*before.disturbed, *calibration.disturbed)[-MOST:],
        )
    every[calibration.key] = calibration
    path = calibration_path()
    try:
        write_json(path, {key: asdict(one) for key, one in every.items()})
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}. Name another place with HARNESS_CACHE_DIR"
        raise HarnessError(msg) from None
    return calibration
