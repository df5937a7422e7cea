"""One entry of the cache: a folder that is named by the digest of what it holds, so that it can be verified.

::

    datasets/<digest>/      images.npy or features.npy, labels.npy, meta.json
    digests/<digest>.json   when the entry was last verified: the boot of the machine, and its files' times and inodes
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from harness.datasets.contract import DTYPES, checked_blocks
from harness.errors import one_line
from harness.interfaces import DataKind, LabelledStream
from harness.machine.files import open_regular, read_regular, sync_directory, write_json
from harness.machine.identity import recall, remember, stamp

TEMPORARY = ".new-"
"""How the folder of an entry begins that is being written, or removed."""
_FEATURES: dict[DataKind, str] = {"image": "images.npy", "vector": "features.npy"}
_META_BYTES = 1 << 26
"""The names of a hundred thousand classes take a tenth of it."""
_CHUNK_BYTES = 1 << 20


class Meta(BaseModel):
    """What an entry says of itself in ``meta.json``; its digest covers all but the files' sizes."""

    model_config = ConfigDict(strict=True, frozen=True)

    rows: PositiveInt
    shape: tuple[PositiveInt, ...] = Field(min_length=1)
    """Of a row: (height, width) or (height, width, channels) of an image."""
    kind: DataKind = "image"
    class_names: tuple[str, ...] = Field(min_length=1)
    files: dict[str, NonNegativeInt]
    """The size of each file in bytes."""


class DamagedError(Exception):
    """An entry whose files are missing, cut, or of other content than its name says; the text, one line, says which."""


def read_meta(directory: Path) -> Meta:
    """Return what an entry says of itself, its files being as large as they were written.

    Raises:
        DamagedError: a file is missing, of another size, or not what it should be.
    """
    try:
        meta = Meta.model_validate_json(read_regular(directory / "meta.json", most=_META_BYTES))
        for name in _files(meta.kind):
            size = (directory / name).stat().st_size
            if size != meta.files.get(name):
                msg = f"{name} has {size:,} bytes, not {meta.files.get(name, 0):,}"
                raise DamagedError(msg)
    except FileNotFoundError as error:
        msg = f"{Path(error.filename).name} is missing"
        raise DamagedError(msg) from None
    except ValidationError as error:
        msg = f"meta.json does not read: {error.errors(include_url=False)[0]['msg'].lower()}"
        raise DamagedError(msg) from None
    except OSError as error:
        msg = f"{Path(error.filename or directory).name}: {error.strerror}"
        raise DamagedError(msg) from None
    return meta


def verify(root: Path, digest: str) -> Meta:
    """Return what an entry says of itself, its content having the digest that names it.

    The content is read once in a boot of the machine, and when a file's times or inode changed: 640 MB take half a
    second. Where these facts cannot be trusted it is read each time.

    Raises:
        DamagedError: a file is missing or cut, or a byte of it is another.
    """
    directory = root / "datasets" / digest
    meta = read_meta(directory)
    record = root / "digests" / f"{digest}.json"
    before = stamp([directory / name for name in ("meta.json", *_files(meta.kind))])
    if recall(record, before) == digest:
        return meta
    try:
        actual = entry_digest(directory, meta)
    except DamagedError:
        raise
    except Exception as error:  # besides OSError whatever NumPy comes upon in a damaged header
        raise DamagedError(one_line(error)) from error
    if actual != digest:
        msg = f"its content has the digest {actual[:12]}…, not {digest[:12]}…"
        raise DamagedError(msg)
    remember(record, before, digest)
    return meta


def features_and_labels(
    directory: Path, rows: int, shape: tuple[int, ...], kind: DataKind
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return an entry's features (rows, *shape), memory-mapped, and labels; both are read-only.

    Raises:
        DamagedError: a file does not hold what was announced.
    """
    try:
        features = np.lib.format.open_memmap(directory / _FEATURES[kind], mode="r")
        with open_regular(directory / "labels.npy") as file:
            labels = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # besides OSError whatever NumPy comes upon in a damaged header
        raise DamagedError(one_line(error)) from error
    for name, array, dtype, expected in (
        (_FEATURES[kind], features, DTYPES[kind], (rows, *shape)),
        ("labels.npy", labels, "int64", (rows,)),
    ):
        if array.dtype != dtype or array.shape != expected:
            msg = f"{name} holds {array.dtype} {array.shape}, not {dtype} {expected}"
            raise DamagedError(msg)
    labels.flags.writeable = False
    return np.asarray(features), labels


@contextmanager
def only_writer(root: Path) -> Iterator[None]:
    """Wait until no other process writes to the cache, and remove what one that was killed left half written."""
    parent = root / "datasets"
    parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "datasets.lock"):
        for left in parent.glob(f"{TEMPORARY}*"):
            remove_entry(left)
        for left in (root / "sources").glob(".*.json.*"):
            left.unlink(missing_ok=True)
        yield


def store(root: Path, stream: LabelledStream) -> str:
    """Write an entry under a temporary name while its content is hashed, then rename it; return the digest.

    The same content may be there already, of another source; a damaged entry is replaced.

    Raises:
        OSError: it cannot be written.
        HarnessError: a block is not what the contract says.
    """
    parent = root / "datasets"
    temporary = parent / f"{TEMPORARY}{token_hex(6)}"
    temporary.mkdir()  # with the rights of any folder that its user makes; tempfile's are for them alone
    try:
        rows = len(stream.labels)
        hasher = _hasher(rows, stream.shape, stream.class_names, stream.kind)
        with (temporary / _FEATURES[stream.kind]).open("wb") as file:
            header = {"descr": _stored(stream.kind), "fortran_order": False, "shape": (rows, *stream.shape)}
            np.lib.format.write_array_header_1_0(file, header)
            for block in checked_blocks(stream):
                hasher.update(block)
                file.write(block)
            _to_disk(file)
        hasher.update(stream.labels.astype("<i8").tobytes())
        with (temporary / "labels.npy").open("wb") as file:
            np.save(file, stream.labels, allow_pickle=False)
            _to_disk(file)
        files = {name: (temporary / name).stat().st_size for name in _files(stream.kind)}
        meta = Meta(rows=rows, shape=stream.shape, class_names=stream.class_names, kind=stream.kind, files=files)
        write_json(temporary / "meta.json", meta.model_dump(mode="json"))
        digest: str = hasher.hexdigest()
        try:
            verify(root, digest)
        except DamagedError:
            replace_entry(parent / digest, temporary)
    finally:
        remove_entry(temporary)
    return digest


def replace_entry(directory: Path, temporary: Path) -> None:
    """Give a new entry its name; a process that has the old one mapped keeps it."""
    if os.path.lexists(directory):
        aside = directory.with_name(f"{TEMPORARY}{token_hex(6)}")
        directory.rename(aside)
        remove_entry(aside)  # first: once the new entry has its name, no later command need write, and so none tidies
    temporary.rename(directory)
    sync_directory(directory.parent)


def remove_entry(path: Path) -> None:
    """Remove a folder, or what is in its place; what cannot be removed is left to the next writer."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _files(kind: DataKind) -> tuple[str, str]:
    return _FEATURES[kind], "labels.npy"


def _stored(kind: DataKind) -> str:
    """Return the type of features as ``.npy`` spells it, in the byte order of every machine that runs harness."""
    return np.lib.format.dtype_to_descr(np.dtype(DTYPES[kind]))  # type: ignore[return-value] # of a plain type


def _hasher(rows: int, shape: tuple[int, ...], class_names: tuple[str, ...], kind: DataKind) -> Any:
    """Return the hash of an entry before its features and labels; of images it is what it always was."""
    about: tuple[Any, ...] = ((rows, *shape), class_names)
    return sha256(repr(about if kind == "image" else (*about, DTYPES[kind])).encode())


def entry_digest(directory: Path, meta: Meta) -> str:
    """Return the digest of an entry's content, read now."""
    hasher = _hasher(meta.rows, meta.shape, meta.class_names, meta.kind)
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    features, labels = _files(meta.kind)
    for name, header in (
        (features, (_stored(meta.kind), (meta.rows, *meta.shape))),
        (labels, ("<i8", (meta.rows,))),
    ):
        with open_regular(directory / name) as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                msg = f"{name} is of version {version[0]}.{version[1]} of its format, not 1.0"
                raise DamagedError(msg)
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
            if fortran_order or (dtype.str, shape) != header:
                msg = f"{name} holds {dtype} {shape}, not {np.dtype(header[0])} {header[1]}"
                raise DamagedError(msg)
            while size := file.readinto(buffer):
                hasher.update(buffer[:size])
    digest: str = hasher.hexdigest()
    return digest
