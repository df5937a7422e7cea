"""Files that last: written at once or not at all, named without surprises, known by their digest."""

from __future__ import annotations

import io
import json
import os
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


def safe_name(name: str) -> str:
    """Return a name as one path component: letters, digits and a few signs stay, the rest is percent-encoded.

    >>> safe_name("M1a[optimizer.learning_rate=0.1]")
    'M1a[optimizer.learning_rate=0.1]'
    >>> safe_name("../evil")
    '%2E.%2Fevil'
    """
    encoded = quote(name, safe="[]=,+@() ")
    return "%2E" + encoded[1:] if encoded.startswith(".") else encoded


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash, meets the old content or the new, never a part.

    ``durable``: wait until the disk has it, so that it outlives a loss of power too.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(6)}")
    try:
        file = temporary.open("xb")  # with the rights of any file that its user makes; tempfile's are for them alone
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("xb")
    try:
        with file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, as `write_bytes` does."""
    write_bytes(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, durable: bool = True) -> str:
    """Write an ``.npz`` of plain arrays, and return the SHA-256 of its bytes; equal arrays give equal bytes."""
    import numpy as np  # not above: its kernel is settled by what a file says

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    write_bytes(path, content, durable=durable)
    return sha256(content).hexdigest()


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, None where there is none."""
    try:
        with path.open("rb") as file:
            hasher = sha256()
            while chunk := file.read(1 << 20):
                hasher.update(chunk)
    except OSError:
        return None
    return hasher.hexdigest()


def checksum(content: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
