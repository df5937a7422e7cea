"""An array from a ``.npy``, ``.npz`` or idx file, plain or gzipped: no more is unpacked than its header announces."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets.idx import header_bytes, is_idx, parse_header
from harness.datasets.memory import available_bytes
from harness.errors import HarnessError, one_line, printable
from harness.machine.files import open_regular
from harness.text import megabytes

_GZIPPED_ARCHIVE_BYTES = 1 << 30
"""A gzipped ``.npz`` has its directory at its end: it is unpacked whole, up to this size."""
_CHUNK_BYTES = 1 << 22


def read_array(path: Path, keys: Sequence[str]) -> NDArray[Any]:
    """Return the array of a file; its content says which format it has, not its name.

    ``keys``: what the array may be called in an ``.npz`` of several.

    Raises:
        HarnessError: the file is missing, damaged, none of the formats, or larger than this machine's memory.
    """
    try:
        with open_regular(path) as file:
            return _array(file, path, keys)
    except FileNotFoundError:
        msg = f"{path}: no such file"
    except HarnessError:
        raise
    except (EOFError, zipfile.BadZipFile, zlib.error, ValueError) as error:
        msg = f"{path}: damaged: {_what(error)}"
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror or _what(error)}"
    except Exception as error:
        # What else NumPy and zipfile come upon: RuntimeError of a password, NotImplementedError of a compression, …
        msg = f"{path}: cannot be read: {_what(error)}"
        raise HarnessError(msg) from error
    raise HarnessError(msg)


def _array(file: io.BufferedReader, path: Path, keys: Sequence[str]) -> NDArray[Any]:
    begins = file.read(4)
    file.seek(0)
    stream: Any = file
    if begins[:2] == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=file)
        begins = stream.read(4)
        stream.seek(0)
    if begins[:2] != b"PK":
        return _plain(stream, path)
    if stream is not file:
        stream = io.BytesIO(_unpacked(stream, path))
    with zipfile.ZipFile(stream) as archive:
        member = _member(archive.namelist(), path, keys)
        with archive.open(member) as inner:
            return _plain(inner, path)


def _plain(stream: Any, path: Path) -> NDArray[Any]:
    """Return the array of a stream in one of the two formats, as far as its header announces and no further."""
    begins = stream.read(6)
    if begins == b"\x93NUMPY":
        shape, fortran, dtype = _npy_header(begins + stream.read(2), stream)
        return _filled(stream, path, "npy", dtype, shape, order="F" if fortran else "C")
    if is_idx(begins):
        begins += stream.read(header_bytes(begins) - len(begins)) if len(begins) == 6 else b""
        kind, shape = parse_header(begins, path)
        return _filled(stream, path, "idx", np.dtype(kind), shape)
    msg = f"{path}: begins with {begins[:4].hex(' ') or 'nothing'}: neither .npy, .npz nor idx, plain or gzipped"
    raise HarnessError(msg)


def _npy_header(magic: bytes, stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape, order and type that a ``.npy`` announces; NumPy refuses headers of more than 10,000 bytes.

    Raises:
        ValueError: the header makes no sense, or announces Python objects.
    """
    version = np.lib.format.read_magic(io.BytesIO(magic))
    if version not in {(1, 0), (2, 0)}:
        msg = f"version {version[0]}.{version[1]} of the format is for fields of a record, and an array is needed"
        raise ValueError(msg)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(stream)
    except Exception as error:  # its parser raises several kinds
        raise ValueError(one_line(error)) from error
    if dtype.hasobject:
        msg = "it holds Python objects, which only running code in it could read; save numbers"
        raise ValueError(msg)
    return shape, fortran, dtype


def _filled(
    stream: Any, path: Path, kind: str, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any = "C"
) -> NDArray[Any]:
    """Return the array that is announced, read into its place, with nothing before its end or behind it.

    Raises:
        HarnessError: the stream is shorter or longer, or this machine has not the memory for what is announced.
    """
    values, size = " x ".join(map(str, shape)) or "1", prod(shape) * dtype.itemsize
    room = available_bytes()
    if size > room:
        msg = (
            f"{path}: its {kind} header announces {values} values, {megabytes(size)}: this machine has "
            f"{megabytes(room)} of memory available, and a file is read whole. Save fewer images a file, or as uint8"
        )
        raise HarnessError(msg)
    array = np.empty(shape, dtype, order)
    # Memory is taken as it is filled: a header that announces more than there is costs nothing.
    target = array.reshape(-1, order=order).view(np.uint8).data if size else memoryview(b"")
    done = 0
    while done < size and (count := stream.readinto(target[done : done + _CHUNK_BYTES])):
        done += count
    if done == size and not stream.read(1):
        return array
    word, has = ("truncated", f"{done:,}") if done < size else ("too long", "more")
    msg = f"{path}: {word}: its {kind} header announces {values} values, {size:,} bytes; the file has {has}"
    raise HarnessError(msg)


def _unpacked(stream: Any, path: Path) -> bytes:
    content: bytes = stream.read(_GZIPPED_ARCHIVE_BYTES + 1)
    if len(content) > _GZIPPED_ARCHIVE_BYTES:
        msg = f"{path}: a gzipped .npz of more than {megabytes(_GZIPPED_ARCHIVE_BYTES)}: gunzip it, as it is read whole"
        raise HarnessError(msg)
    return content


def _member(files: Sequence[str], path: Path, keys: Sequence[str]) -> str:
    """Return which file in an ``.npz`` holds the array: the one of these names, or the only one."""
    names = {name.removesuffix(".npy"): name for name in files}
    matches = [names[key] for key in keys if key in names]
    if matches or len(names) == 1:
        return (matches or list(names.values()))[0]
    contents = printable(", ".join(names), 200) or "nothing"
    msg = f"{path}: holds {contents}: name the array {' or '.join(map(repr, keys))}"
    raise HarnessError(msg)


def _what(error: Exception) -> str:
    """Return what NumPy or zipfile say, in one line; an EOFError says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
