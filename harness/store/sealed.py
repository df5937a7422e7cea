"""Arrays of a run that are made again where they are damaged, or belong to something else by now."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.machine.arrays import read_arrays, streamed_arrays, write_arrays

Arrays = Mapping[str, NDArray[Any]]


def write_sealed(path: Path, content: Arrays, owner: str) -> None:
    """Write arrays with a digest of them and of ``owner``, what they belong to.

    Raises:
        OSError: the file cannot be written.
    """
    whole = {**content, "owner": np.array(owner)}
    write_arrays(path, {**whole, "digest": np.array(_digest(whole))}, durable=False)


def read_sealed(path: Path, owner: str) -> dict[str, NDArray[Any]] | None:
    """Return the arrays; None where they are missing, damaged, or belong to something else than ``owner``.

    Those of an earlier version have no digest: the archive's own check sums have to do.
    """
    try:
        content = read_arrays(path)
    except (OSError, ValueError):
        return None
    digest = content.pop("digest", None)
    if digest is not None and str(digest) != _digest(content):
        return None
    return content if str(content.pop("owner", "")) == owner else None


def intact(path: Path, owner: str) -> bool:
    """Return whether `read_sealed` would return arrays; they are read block by block, so memory stays small."""
    hasher, stated = sha256(), {"owner": "", "digest": ""}
    try:
        for name, dtype, shape, blocks in streamed_arrays(path):
            content: Iterable[bytes] = blocks
            if name in stated:
                content = [b"".join(blocks)]
                stated[name] = str(np.frombuffer(content[0], dtype)[0])
            if name != "digest":
                _add(hasher, name, dtype, shape or (1,), content)  # as `numpy.ascontiguousarray` has it
    except (OSError, ValueError, IndexError):
        return False
    return stated["owner"] == owner and stated["digest"] in {"", hasher.hexdigest()}


def _digest(content: Arrays) -> str:
    """Return the SHA-256 of arrays: names, dtypes, shapes and values."""
    hasher = sha256()
    for name in sorted(content):
        array = np.ascontiguousarray(content[name])
        _add(hasher, name, array.dtype, array.shape, [array.tobytes()])
    return hasher.hexdigest()


def _add(hasher: Any, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], blocks: Iterable[bytes]) -> None:
    hasher.update(f"{name} {dtype.str} {shape} ".encode())
    for block in blocks:
        hasher.update(block)
