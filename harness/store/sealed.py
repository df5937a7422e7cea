"""Arrays of a run that are made again where they are damaged, or belong to something else by now."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.machine.arrays import read_arrays, write_arrays

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


def _digest(content: Arrays) -> str:
    """Return the SHA-256 of arrays: names, dtypes, shapes and values."""
    hasher = sha256()
    for name in sorted(content):
        array = np.ascontiguousarray(content[name])
        hasher.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        hasher.update(array.tobytes())
    return hasher.hexdigest()
