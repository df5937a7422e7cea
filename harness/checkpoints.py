"""Checkpoints of a long trial: it goes on where it was interrupted, and ends with the bits of one that was not."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.files import npz, write_bytes
from harness.interfaces import State
from harness.rows import EpochRecord

_DIGEST = 32


@dataclass(frozen=True)
class Checkpoint:
    """A trial after some epochs; ``best`` is the state of the best one, where it may have to be restored."""

    history: list[EpochRecord]
    state: State
    best: State | None
    peak_device_bytes: int | None = None


class Checkpoints:
    """A trial's checkpoint file: a SHA-256, then an ``.npz`` with the states and, as JSON, what they belong to.

    A checkpoint serves a trial of the same fingerprint in the same environment; any other would not end with the same
    bits, and is passed over, as a damaged one is.
    """

    def __init__(self, path: Path, seconds: float, fingerprint: str, environment: Mapping[str, str]) -> None:
        self._path = path
        self._seconds = seconds
        self._owner = {"fingerprint": fingerprint, "environment": dict(environment)}
        self._written = monotonic()

    @property
    def due(self) -> bool:
        """Whether the last one is old enough for another."""
        return monotonic() - self._written >= self._seconds

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint in the last one's place; a crash leaves the one or the other."""
        history = [asdict(record) for record in checkpoint.history]
        told = self._owner | {"history": history, "peak_device_bytes": checkpoint.peak_device_bytes}
        arrays: dict[str, NDArray[Any]] = {"told": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)}
        for part, state in (("state", checkpoint.state), ("best", checkpoint.best or {})):
            arrays |= {f"{part}/{key}": value for key, value in state.items()}
        content = npz(arrays)
        write_bytes(self._path, sha256(content).digest() + content)
        self._written = monotonic()

    def read(self) -> Checkpoint | None:
        """Return the checkpoint, None where there is none that serves."""
        try:
            found = self._path.read_bytes()
        except OSError:
            return None
        digest, content = found[:_DIGEST], found[_DIGEST:]
        if sha256(content).digest() != digest:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        told = json.loads(arrays.pop("told").tobytes())
        if {key: told[key] for key in self._owner} != self._owner:
            return None
        parts: dict[str, State] = {"state": {}, "best": {}}
        for name, value in arrays.items():
            part, _, key = name.partition("/")
            parts[part][key] = value
        history = [EpochRecord(**one) for one in told["history"]]
        return Checkpoint(history, parts["state"], parts["best"] or None, told.get("peak_device_bytes"))
