"""The on-disk cache: uint8 images by the digest of their content, memory-mapped by every worker.

::

    datasets/<digest>/      images.npy, labels.npy, meta.json
    sources/<key>.json      a dataset with its options and its source: digest, title, and what it was held against
    downloads/              what datasets download
    datasets.lock           held by the process that writes an entry
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from harness.errors import HarnessError, one_line
from harness.files import checksum, write_json
from harness.interfaces import Dataset, ImageStream, LabelledImages, StreamedDataset

_BLOCK_ROWS = 16_384
"""Images that are hashed and written at a time: a set is never copied whole."""
_TEMPORARY = ".new-"
"""How the folder of an entry begins that is being written."""


@dataclass(frozen=True)
class CachedDataset:
    """A dataset in the cache: picklable, opened by whoever needs it."""

    name: str
    directory: Path
    digest: str
    rows: int
    shape: tuple[int, int]
    class_names: tuple[str, ...]
    title: str = ""
    """``"digits, 1,797 images"``."""
    checked: str = ""
    """What it was held against when it was read: ``"checksums"``, ``"counts"``, or nothing."""

    def open(self) -> LabelledImages:
        """Return the images, memory-mapped and shared by all processes of the machine, and the labels.

        The map is copy-on-write: frameworks that insist on writable memory take it, and the file cannot change.
        """
        images = np.load(self.directory / "images.npy", mmap_mode="c", allow_pickle=False)
        labels = np.load(self.directory / "labels.npy", allow_pickle=False)
        return LabelledImages(np.asarray(images), labels, self.class_names)


def obtain(name: str, options: Mapping[str, object], dataset: Dataset, root: Path, *, maker: str = "") -> CachedDataset:
    """Return a dataset that may not be available from the cache, where it is put first if need be.

    Raises:
        HarnessError: why it is not available, what `materialise` raises, or, in one line, whatever else the plugin that
            offers it raised; whoever catches it says of which dataset it speaks.
    """
    try:
        reason = dataset.unavailable()
        if reason is None:
            return materialise(name, options, dataset, root, maker=maker)
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(one_line(error)) from error
    raise HarnessError(reason)


def materialise(
    name: str, options: Mapping[str, object], dataset: Dataset, root: Path, *, maker: str = ""
) -> CachedDataset:
    """Return a dataset from the cache; it is read and put there if its source is new, or the entry damaged.

    A `StreamedDataset` goes there block by block, any other at once. ``maker``: the identity of the plugin that offers
    it, as another one may make something else of the same source.

    Raises:
        HarnessError: the dataset's files are faulty, it returned other than `LabelledImages` promises, or the cache
            cannot be written to; whoever catches it says of which dataset it speaks.
    """
    meant = {"name": name, "options": json.loads(json.dumps(options, default=str)), "source": dataset.source()}
    key = checksum(meant | ({"maker": maker} if maker else {}))
    index = root / "sources" / f"{key}.json"
    known = _known(root, index)
    if known:
        return known
    stream = dataset.stream() if isinstance(dataset, StreamedDataset) else _streamed(dataset.load())
    _check_labels(stream)
    title = stream.title or f"{name}, {len(stream.labels):,} images"
    try:
        with _only_writer(root):
            known = _known(root, index)
            if known:  # another process was writing it
                return known
            digest = _store(root, stream)
            write_json(index, {"name": name, "digest": digest, "title": title, "checked": stream.checked})
    except OSError as error:
        place = "Name another place with HARNESS_CACHE_DIR"
        if error.errno == ENOSPC:
            needed = len(stream.labels) * (stream.shape[0] * stream.shape[1] + 8) / 1e6
            msg = f"{root}: the disk is full: {name} takes {needed:,.1f} MB there. Free some space, or n{place[1:]}"
        else:
            msg = f"{root}: the cache cannot be written to: {error.strerror}. {place}"
        raise HarnessError(msg) from None
    entry = _known(root, index)
    if entry is None:
        msg = f"{root / 'datasets' / digest}: the cache entry just written does not read back. Is the disk sound?"
        raise HarnessError(msg)
    return entry


def cached(root: Path) -> list[CachedDataset]:
    """Return the whole entries of a cache, by name and title; one content may be there under several."""
    found = {entry for index in (root / "sources").glob("*.json") if (entry := _known(root, index))}
    return sorted(found, key=lambda entry: (entry.name, entry.title))


def _known(root: Path, index: Path) -> CachedDataset | None:
    """Return the entry that a source's file speaks of, if it is whole."""
    try:
        told = json.loads(index.read_bytes())
        name, digest = str(told["name"]), str(told["digest"])
        directory = root / "datasets" / digest
        meta = _whole(directory)
        if meta is None:
            return None
        rows, (height, width), names = meta["rows"], meta["shape"], tuple(meta["class_names"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    title = told.get("title", f"{name}, {rows:,} images")
    return CachedDataset(name, directory, digest, rows, (height, width), names, title, told.get("checked", ""))


def _whole(directory: Path) -> dict[str, Any] | None:
    """Return what an entry says of itself if it is whole: its files as large as they were written."""
    try:
        meta: dict[str, Any] = json.loads((directory / "meta.json").read_bytes())
        whole = all((directory / file).stat().st_size == size for file, size in meta["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return meta if whole else None


@contextmanager
def _only_writer(root: Path) -> Iterator[None]:
    """Wait until no other process writes to the cache, and remove what one that was killed left half written."""
    parent = root / "datasets"
    parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "datasets.lock"):
        for left in parent.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _store(root: Path, stream: ImageStream) -> str:
    """Write an entry under a temporary name while its content is hashed, then rename it; return the digest.

    The same content may be there already, of another source.
    """
    parent = root / "datasets"
    temporary = parent / f"{_TEMPORARY}{token_hex(6)}"
    temporary.mkdir()  # with the rights of any folder that its user makes; tempfile's are for them alone
    try:
        rows, (height, width) = len(stream.labels), stream.shape
        hasher = sha256(repr(((rows, height, width), stream.class_names)).encode())
        with (temporary / "images.npy").open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (rows, height, width)}
            np.lib.format.write_array_header_1_0(file, header)
            for block in _checked_blocks(stream):
                hasher.update(block)
                file.write(block)
            _to_disk(file)
        hasher.update(stream.labels.astype("<i8").tobytes())
        with (temporary / "labels.npy").open("wb") as file:
            np.save(file, stream.labels, allow_pickle=False)
            _to_disk(file)
        files = {path.name: path.stat().st_size for path in sorted(temporary.iterdir())}
        meta = {"rows": rows, "shape": [height, width], "class_names": list(stream.class_names), "files": files}
        write_json(temporary / "meta.json", meta)
        directory = parent / hasher.hexdigest()
        if _whole(directory) is None:
            shutil.rmtree(directory, ignore_errors=True)
            temporary.rename(directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return directory.name


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _checked_blocks(stream: ImageStream) -> Iterator[memoryview]:
    """Yield the pixels of each block, one after the other; refuse what the contract does not allow."""
    rows = 0
    for block in stream.blocks():
        if block.dtype != np.uint8 or block.shape[1:] != stream.shape:
            msg = f"images are {block.dtype} {block.shape}; the contract says uint8 (rows, height, width)"
            raise HarnessError(msg)
        rows += len(block)
        yield np.ascontiguousarray(block).reshape(-1).data
    if rows != len(stream.labels):
        msg = f"its blocks hold {rows:,} images for {len(stream.labels):,} labels"
        raise HarnessError(msg)


def _streamed(loaded: LabelledImages) -> ImageStream:
    """Return images that are there already as a stream of them."""
    images, labels = loaded.images, loaded.labels
    if images.dtype != np.uint8 or images.ndim != 3:
        msg = f"images are {images.dtype} {images.shape}; the contract says uint8 (rows, height, width)"
    elif labels.dtype != np.int64 or labels.shape != (len(images),):
        msg = f"labels are {labels.dtype} {labels.shape}; the contract says int64 ({len(images)},)"
    else:

        def blocks() -> Iterator[NDArray[np.uint8]]:
            return (images[start : start + _BLOCK_ROWS] for start in range(0, len(images), _BLOCK_ROWS))

        height, width = images.shape[1:]
        return ImageStream((height, width), labels, loaded.class_names, blocks, loaded.title, loaded.checked)
    raise HarnessError(msg)


def _check_labels(stream: ImageStream) -> None:
    """Refuse what `LabelledImages` does not allow."""
    labels, classes = stream.labels, len(stream.class_names)
    if labels.dtype != np.int64 or labels.ndim != 1:
        msg = f"labels are {labels.dtype} {labels.shape}; the contract says int64 (rows,)"
    elif not len(labels) or labels.min() < 0 or labels.max() >= classes:
        msg = f"labels are not all in 0 … {classes - 1}, the {classes} classes that it names"
    elif np.bincount(labels, minlength=classes).min() == 0:
        absent = stream.class_names[int(np.bincount(labels, minlength=classes).argmin())]
        msg = f"class {absent!r} has no image"
    else:
        return
    raise HarnessError(msg)
