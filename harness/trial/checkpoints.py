"""Checkpoints of a long trial: it goes on where it was interrupted, and ends with the bits of one that was not."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from harness.errors import shown
from harness.interfaces import State
from harness.machine.arrays import npz
from harness.machine.files import open_regular, write_bytes
from harness.rows import EpochRecord

_DIGEST = 32


class Restart(NamedTuple):
    """From where a trial goes on."""

    checkpoint: "Checkpoint | None"
    """The checkpoint in its place, if it serves; else it begins."""
    remark: str = ""
    """Where it goes on, or why a checkpoint that is there is not used; empty where there is none."""


@dataclass(frozen=True)
class Checkpoint:
    """A trial after some epochs; ``best`` is the state of the best one, where it may have to be restored."""

    history: list[EpochRecord]
    state: State
    best: State | None
    peak_device_bytes: int | None = None


class Checkpoints:
    """A trial's checkpoint file: a SHA-256, then an ``.npz`` with the states and, as JSON, what they belong to.

    A checkpoint serves a trial of the same fingerprint in an environment that gives the same bits. Any other is not
    used, nor is a damaged one. ``environment`` may lack placement and launch, which are known when images are attached.
    """

    def __init__(self, path: Path, seconds: float, fingerprint: str, environment: Mapping[str, str]) -> None:
        self._path = path
        self._seconds = seconds
        self._environment = dict(environment)
        self._owner = {"fingerprint": fingerprint, "environment": self._environment}
        self._written = monotonic()

    @property
    def due(self) -> bool:
        """Whether the last one is old enough for another."""
        return monotonic() - self._written >= self._seconds

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint in the last one's place; a crash leaves the one or the other."""
        history = [asdict(record) for record in checkpoint.history]
        about = self._owner | {"history": history, "peak_device_bytes": checkpoint.peak_device_bytes}
        arrays: dict[str, NDArray[Any]] = {"told": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)}
        for part, state in (("state", checkpoint.state), ("best", checkpoint.best or {})):
            arrays |= {f"{part}/{key}": value for key, value in state.items()}
        content = npz(arrays)
        write_bytes(self._path, sha256(content).digest() + content)
        self._written = monotonic()

    def find(self) -> Restart:
        """Return from where the trial goes on, and what there is to say of it."""
        try:
            with open_regular(self._path) as file:
                content = file.read()
        except OSError:
            return Restart(None)
        try:
            checkpoint, owner = _read(content)
        except (ValueError, KeyError, TypeError, AttributeError, BadZipFile):
            return Restart(None, f"{_UNUSED}: it is damaged")
        if owner["fingerprint"] != self._owner["fingerprint"]:
            return Restart(None, f"{_UNUSED}: it is of a trial with other settings")
        differing = _differences(owner["environment"], self._environment)
        decisive = [text for text, decides in differing if decides]
        if decisive:
            return Restart(None, f"{_UNUSED}: {'; '.join(decisive)}")
        after = f"goes on from its checkpoint after epoch {len(checkpoint.history)}"
        others = "; ".join(text for text, _ in differing)
        return Restart(checkpoint, f"{after}; {others}, which changes no result" if others else after)


_UNUSED = "its checkpoint is not used"


def _read(content: bytes) -> tuple[Checkpoint, dict[str, Any]]:
    """Return a checkpoint and its owner; one that is damaged raises one of several errors."""
    digest, packed = content[:_DIGEST], content[_DIGEST:]
    if sha256(packed).digest() != digest:
        raise ValueError("the checksum does not match")
    with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    about = json.loads(arrays.pop("told").tobytes())
    parts: dict[str, State] = {"state": {}, "best": {}}
    for name, value in arrays.items():
        part, _, key = name.partition("/")
        parts[part][key] = value
    history = [EpochRecord(**record) for record in about["history"]]
    checkpoint = Checkpoint(history, parts["state"], parts["best"] or None, about.get("peak_device_bytes"))
    return checkpoint, {"fingerprint": about["fingerprint"], "environment": dict(about["environment"])}


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Return in what two environments differ, each in words, and whether that can change a bit of a result."""
    return [
        (
            f"{name} was {shown(before.get(name, ''))}, is {shown(now.get(name, ''))}",
            _decisive(name, before.get(name)) != _decisive(name, now.get(name)),
        )
        for name in [*before, *(name for name in now if name not in before)]
        if before.get(name) != now.get(name) and (name in now or name not in {"placement", "launch"})
    ]


def _decisive(name: str, value: str | None) -> str | None:
    """Return the part of a fact that can change a bit of a result.

    Not the release of the operating system, the patch level of Python, the number of cores, the node or the size of
    pages: arithmetic is the processor's and the libraries', with as many threads as a trial is given. What a backend
    says of its environment (versions, BLAS kernel, device, driver) counts whole: the core knows nothing of it.
    """
    if value is None or name in {"cores", "node", "huge_pages"}:
        return None
    if name == "system":
        return value.partition(" ")[0]
    return ".".join(value.split(".")[:2]) if name == "python" else value
