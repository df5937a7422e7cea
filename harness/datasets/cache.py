"""The on-disk cache: images and vectors by the digest of their content, memory-mapped by every worker.

::

    datasets/<digest>/      images.npy or features.npy, labels.npy, meta.json
    digests/                remembered digests of files and entries: see `harness.machine.identity`
    sources/<key>.json      a dataset with its options and its source: digest, title, and what verified it
    downloads/              what datasets download
    datasets.lock           held by the process that writes an entry
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from harness.datasets.contract import DTYPES, as_stream
from harness.datasets.downloads import LOG
from harness.datasets.entries import DamagedError, Meta, features_and_labels, only_writer, read_meta, store, verify
from harness.datasets.index import Index, read_index, write_index
from harness.datasets.info import DatasetInfo
from harness.datasets.presence import require_here
from harness.errors import HarnessError, one_line, printable, shown
from harness.interfaces import DataKind, Dataset, Labelled, LabelledStream, StoredDataset, StreamedDataset, implements
from harness.machine.files import checksum
from harness.machine.room import is_full
from harness.plugins.foreign import UNLIMITED, foreign

_ATTEMPTS = 2
"""A dataset whose source changes while it is read is read again; one that changes each time is not found again."""


@dataclass(frozen=True)
class CachedDataset:
    """A dataset in the cache: picklable, opened by every process that needs it."""

    info: DatasetInfo
    directory: Path

    def open(self) -> Labelled:
        """Return the features, memory-mapped and shared by the machine's processes, and the labels: both read-only.

        A plugin's write would reach every trial that this process runs later: it fails where it is made. The
        content was verified when the dataset was obtained; here only its size and type are checked.

        Raises:
            HarnessError: the files do not hold what they did then.
        """
        try:
            features, labels = features_and_labels(self.directory, self.info.rows, self.info.shape, self.info.kind)
        except DamagedError as error:
            raise HarnessError(_damaged(self.directory, error)) from None
        return Labelled(features, labels, self.info.class_names, self.info.kind, test_rows=self.info.test_rows)


def obtain(
    name: str, options: Mapping[str, object], dataset: Dataset, root: Path, *, maker: str = "", download: bool = True
) -> CachedDataset:
    """Return a dataset that may not be available from the cache, where it is put first if need be.

    Without ``download``, one is refused that is neither there nor, as files, elsewhere on this machine.

    Raises:
        HarnessError: why it is not available, what `materialise` raises, or, in one line, whatever else the plugin that
            offers it raised; the caller says which dataset it is.
    """
    try:
        with foreign(UNLIMITED):
            reason = dataset.unavailable()
            if reason is None:
                if not download and implements(dataset, StoredDataset):
                    key = _key(_meant(name, options, maker), dataset)
                    if _known(root, key, quiet=True) is None:
                        require_here(name, dataset)
                return materialise(name, options, dataset, root, maker=maker)
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(one_line(error)) from error
    raise HarnessError(printable(str(reason)) or "unavailable() says no reason")


def materialise(
    name: str, options: Mapping[str, object], dataset: Dataset, root: Path, *, maker: str = ""
) -> CachedDataset:
    """Return a dataset from the cache, its content verified; it is read and put there if its source is new.

    So it is where the entry is damaged. A `StreamedDataset` goes there block by block, any other at once. ``maker``:
    the identity of the plugin that offers it, as another one may make something else of the same source.

    Raises:
        HarnessError: the dataset's files are faulty, it returned other than `Labelled` promises, or the cache
            cannot be written to; the caller says which dataset it is.
    """
    meant = _meant(name, options, maker)
    key = _key(meant, dataset)
    known = _known(root, key)
    if known:
        return known
    for _ in range(_ATTEMPTS):
        stream = as_stream(dataset.stream() if implements(dataset, StreamedDataset) else dataset.load())
        with _writing(root, name, stream), only_writer(root):
            entry = _known(root, key, quiet=True) or _stored(root, name, stream)  # another process may have written it
            now = _key(meant, dataset)
            if now == key:
                write_index(root, key, entry.info)
                break
        key = now  # its files changed while they were read: what was read may be of neither
    return entry


def cached(root: Path) -> list[CachedDataset]:
    """Return the entries of a cache that are there in full, by name and title; one content may be there under several.

    Their content is not verified: none of it is read.
    """
    entries = set()
    for path in (root / "sources").glob("*.json"):
        try:
            index = read_index(root, path.stem)
            if index:
                entries.add(_entry(root, index, read_meta(root / "datasets" / index.digest)))
        except DamagedError:
            continue
    return sorted(entries, key=lambda entry: (entry.info.name, entry.info.title))


def _meant(name: str, options: Mapping[str, object], maker: str) -> dict[str, object]:
    """Return a dataset's name, options and maker, as JSON has them: its identity but for the source."""
    meant = {"name": name, "options": json.loads(json.dumps(options, default=str))}
    return meant | ({"maker": maker} if maker else {})


def _key(meant: Mapping[str, object], dataset: Dataset) -> str:
    """Return the index's key of a dataset: a checksum of its identity and its present source.

    Raises:
        HarnessError: the source is no text, or the dataset's files cannot be read.
    """
    try:
        source: Any = dataset.source()
    except OSError as error:  # where the cache is written to, it would be taken for the cache's
        raise HarnessError(one_line(error)) from error
    if not isinstance(source, str):
        msg = f"source() returned {shown(source)}; the contract says a text"
        raise HarnessError(msg)
    return checksum({**meant, "source": source})


def _known(root: Path, key: str, *, quiet: bool = False) -> CachedDataset | None:
    """Return the entry of a source, its content verified; None where the source is new, or the entry damaged.

    ``quiet``: the damage was said already.
    """
    index = read_index(root, key)
    if index is None:
        return None
    try:
        return _entry(root, index, verify(root, index.digest))
    except DamagedError as error:
        if not quiet:
            LOG.info("%s. It is read again from its source", _damaged(root / "datasets" / index.digest, error))
        return None


def _entry(root: Path, index: Index, meta: Meta) -> CachedDataset:
    info = DatasetInfo(
        name=index.name,
        digest=index.digest,
        rows=meta.rows,
        class_names=meta.class_names,
        title=index.title or _title(index.name, meta.rows, meta.kind),
        checked=index.checked,
        shape=meta.shape,
        kind=meta.kind,
        test_rows=index.test_rows,
    )
    return CachedDataset(info, root / "datasets" / index.digest)


def _stored(root: Path, name: str, stream: LabelledStream) -> CachedDataset:
    """Write a dataset that was read; return its entry."""
    about = {"title": stream.title or _title(name, len(stream.labels), stream.kind), "checked": stream.checked}
    index = Index(name=name, digest=store(root, stream), **about, test_rows=stream.test_rows)
    try:
        return _entry(root, index, read_meta(root / "datasets" / index.digest))
    except DamagedError as error:
        msg = f"{_damaged(root / 'datasets' / index.digest, error)}, just after it was written. Is the disk sound?"
        raise HarnessError(msg) from None


@contextmanager
def _writing(root: Path, name: str, stream: LabelledStream) -> Iterator[None]:
    """Within the block, make an error that names a fix of a cache that cannot be written to."""
    try:
        yield
    except OSError as error:
        place = "Name another place with HARNESS_CACHE_DIR"
        if is_full(error):
            needed = len(stream.labels) * (prod(stream.shape) * np.dtype(DTYPES[stream.kind]).itemsize + 8) / 1e6
            msg = f"{root}: the disk is full: {name} takes {needed:,.1f} MB there. Free some space, or n{place[1:]}"
        else:
            msg = f"{root}: the cache cannot be written to: {error.strerror or error}. {place}"
        raise HarnessError(msg) from None


def _title(name: str, rows: int, kind: DataKind) -> str:
    """Return the title of a dataset that gives none."""
    return f"{name}, {rows:,} {'images' if kind == 'image' else 'rows'}"


def _damaged(directory: Path, error: DamagedError) -> str:
    return f"{directory}: the cache entry is damaged: {error}"
