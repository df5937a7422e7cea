"""Files of arrays: ``.npz`` without pickles, equal bytes for equal arrays."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.machine.files import open_regular, write_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 1 << 20


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of an ``.npz`` of plain arrays, those that `numpy.savez` writes.

    That takes the names as keywords, so that none can be ``file`` or ``allow_pickle``.
    """
    from zipfile import ZipFile

    from numpy.lib.format import write_array  # not above: NumPy's kernel is settled by what a file says

    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                write_array(file, value, allow_pickle=False)
    return buffer.getvalue()


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, durable: bool = True) -> str:
    """Write an ``.npz`` of plain arrays, and return the SHA-256 of its bytes; equal arrays give equal bytes."""
    content = npz(arrays)
    write_bytes(path, content, durable=durable)
    return sha256(content).hexdigest()


def read_arrays(path: Path, digest: str | None = None) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz``; ``digest``: the SHA-256 that its bytes must have.

    Raises:
        OSError: it cannot be read, or is not a regular file; ``strerror`` says which.
        ValueError: it is not what was written: of another digest, or no archive of plain arrays.
    """
    with opened_arrays(path, digest) as arrays:
        return dict(arrays)


@contextmanager
def opened_arrays(path: Path, digest: str | None = None) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Yield the arrays of an ``.npz``, each read once, when it is asked for; the rest as `read_arrays`."""
    import numpy as np  # as above

    with open_regular(path) as file:
        if digest is not None and file_digest(file, "sha256").hexdigest() != digest:
            msg = "its checksum does not match"
            raise ValueError(msg)
        file.seek(0)
        with _explained():
            archive = np.load(file, allow_pickle=False)
            names = list(archive.files)
        with archive:
            yield _Arrays(archive, names)


def streamed_arrays(path: Path) -> Iterator[tuple[str, np.dtype[Any], tuple[int, ...], Iterator[bytes]]]:
    """Yield the arrays of an ``.npz`` by name: each one's name, dtype, shape, and values in C order, block by block.

    An array's blocks are there until the next array is asked for.

    Raises:
        OSError: as `read_arrays`.
        ValueError: as `read_arrays`.
    """
    from zipfile import ZipFile

    with open_regular(path) as file, _explained(), ZipFile(file) as archive:
        for member in sorted(archive.namelist()):
            with archive.open(member) as content:
                dtype, shape, blocks = _streamed(content)
                yield member.removesuffix(".npy"), dtype, shape, blocks


def _streamed(content: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...], Iterator[bytes]]:
    import numpy as np  # as above
    from numpy.lib import format as npy

    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    shape, columns_first, dtype = readers[npy.read_magic(content)](content)
    if dtype.hasobject:
        msg = "an array of Python objects"
        raise ValueError(msg)
    if not columns_first:
        return dtype, shape, _blocks(content)
    return dtype, shape, iter([np.frombuffer(content.read(), dtype).reshape(shape, order="F").tobytes()])


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    with _explained():
        while block := content.read(_BLOCK):
            yield block


class _Arrays(Mapping[str, "NDArray[Any]"]):
    """The arrays of an archive; one is read when it is asked for, and kept."""

    def __init__(self, archive: Mapping[str, NDArray[Any]], names: list[str]) -> None:
        self._archive = archive
        self._read: dict[str, NDArray[Any] | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> NDArray[Any]:
        values = self._read[name]
        if values is None:
            with _explained():
                values = self._read[name] = self._archive[name]
        return values

    def __contains__(self, name: object) -> bool:
        return name in self._read

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


@contextmanager
def _explained() -> Iterator[None]:
    """Raise ValueError for whatever a damaged archive makes zipfile, zlib and NumPy raise."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the archive is damaged
        msg = f"it is not an archive of arrays: {type(error).__name__}: {' '.join(str(error).split())[:100]}"
        raise ValueError(msg) from None
