"""The on-disk cache: uint8 images by the digest of their content, memory-mapped by every worker.

::

    datasets/<digest>/      images.npy, labels.npy, meta.json
    sources/<key>.json      which digest a dataset with its options and its source has
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from harness.errors import HarnessError
from harness.files import checksum, write_json
from harness.interfaces import Dataset, LabelledImages

_HASHED_ROWS = 16_384
"""Images that the digest takes at a time: it never copies a whole set."""


def cache_root() -> Path:
    """Return the cache's folder: ``HARNESS_CACHE_DIR``, or the user's cache."""
    named = os.environ.get("HARNESS_CACHE_DIR")
    return Path(named) if named else user_cache_path("nn-harness")


@dataclass(frozen=True)
class CachedDataset:
    """A dataset in the cache: picklable, opened by whoever needs it."""

    name: str
    directory: Path
    digest: str
    rows: int
    shape: tuple[int, int]
    class_names: tuple[str, ...]

    def open(self) -> LabelledImages:
        """Return the images, memory-mapped and shared by all processes of the machine, and the labels.

        The map is copy-on-write: frameworks that insist on writable memory take it, and the file cannot change.
        """
        images = np.load(self.directory / "images.npy", mmap_mode="c", allow_pickle=False)
        labels = np.load(self.directory / "labels.npy", allow_pickle=False)
        return LabelledImages(np.asarray(images), labels, self.class_names)


def materialise(name: str, options: Mapping[str, object], dataset: Dataset, root: Path) -> CachedDataset:
    """Return a dataset from the cache; it is loaded and put there if its source is new, or the entry damaged.

    Raises:
        HarnessError: the dataset's files are faulty, it returned other than `LabelledImages` promises, or the cache
            cannot be written to.
    """
    key = checksum({"name": name, "options": json.loads(json.dumps(options, default=str)), "source": dataset.source()})
    index = root / "sources" / f"{key}.json"
    try:
        known = _entry(name, root, json.loads(index.read_bytes())["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    if known:
        return known
    loaded = dataset.load()
    _check(name, loaded)
    digest = _digest(loaded)
    try:
        if _entry(name, root, digest) is None:
            _write(root / "datasets" / digest, loaded)
        write_json(index, {"name": name, "digest": digest})
    except OSError as error:
        msg = f"{root}: the cache cannot be written to: {error.strerror}. Name another place with HARNESS_CACHE_DIR"
        raise HarnessError(msg) from None
    entry = _entry(name, root, digest)
    if entry is None:
        msg = f"{root / 'datasets' / digest}: the cache entry just written does not read back. Is the disk sound?"
        raise HarnessError(msg)
    return entry


def _entry(name: str, root: Path, digest: str) -> CachedDataset | None:
    """Return the cache's entry if it is whole: its files as large as they were written."""
    directory = root / "datasets" / digest
    try:
        meta = json.loads((directory / "meta.json").read_bytes())
        whole = all((directory / file).stat().st_size == size for file, size in meta["files"].items())
        height, width = meta["shape"]
        entry = CachedDataset(name, directory, digest, meta["rows"], (height, width), tuple(meta["class_names"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return entry if whole else None


def _write(directory: Path, loaded: LabelledImages) -> None:
    """Write an entry under a temporary name, then rename it; whoever else came first has the same content."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".new-"))
    try:
        arrays: dict[str, NDArray[Any]] = {"images.npy": loaded.images, "labels.npy": loaded.labels}
        files = {}
        for file, array in arrays.items():
            with (temporary / file).open("wb") as handle:
                np.save(handle, array, allow_pickle=False)
                handle.flush()
                os.fsync(handle.fileno())
            files[file] = (temporary / file).stat().st_size
        rows, height, width = loaded.images.shape
        meta = {"rows": rows, "shape": [height, width], "class_names": list(loaded.class_names), "files": files}
        write_json(temporary / "meta.json", meta)
        if directory.exists():
            shutil.rmtree(directory)
        temporary.rename(directory)
    except OSError:
        # A writer that came first leaves a whole entry, which the caller reads; anything else is its error to tell.
        if not (directory / "meta.json").exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _digest(loaded: LabelledImages) -> str:
    hasher = sha256(repr((loaded.images.shape, loaded.class_names)).encode())
    for start in range(0, len(loaded.images), _HASHED_ROWS):
        hasher.update(loaded.images[start : start + _HASHED_ROWS].tobytes())
    hasher.update(loaded.labels.astype("<i8").tobytes())
    return hasher.hexdigest()


def _check(name: str, loaded: LabelledImages) -> None:
    """Refuse what `LabelledImages` does not allow."""
    images, labels, classes = loaded.images, loaded.labels, len(loaded.class_names)
    if images.dtype != np.uint8 or images.ndim != 3:
        what = f"images are {images.dtype} {images.shape}; the contract says uint8 (rows, height, width)"
    elif labels.dtype != np.int64 or labels.shape != (len(images),):
        what = f"labels are {labels.dtype} {labels.shape}; the contract says int64 ({len(images)},)"
    elif not len(labels) or labels.min() < 0 or labels.max() >= classes:
        what = f"labels are not all in 0 … {classes - 1}, the {classes} classes that it names"
    elif np.bincount(labels, minlength=classes).min() == 0:
        absent = loaded.class_names[int(np.bincount(labels, minlength=classes).argmin())]
        what = f"class {absent!r} has no image"
    else:
        return
    msg = f"dataset {name!r}: {what}"
    raise HarnessError(msg)
