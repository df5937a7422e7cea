"""The six sets as datasets: upright images, both official halves pooled, train first."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.datasets.emnist import download, reading, variants
from harness.datasets.emnist.sources import Members, find, named_directory, serves_others_alone
from harness.datasets.emnist.survey import Survey, survey
from harness.datasets.emnist.variants import SIDE, Variant
from harness.errors import HarnessError
from harness.interfaces import Holding, Labelled, LabelledStream
from harness.machine.identity import identity
from harness.seeding import generator
from harness.text import counted, megabytes

_DROP_SEED = 42


class Emnist:
    """One of the sets, from a folder that the user names, the archive in the cache, or the download.

    ``directory``: holds the idx files, gzipped or not, or the archive ``gzip.zip``; without, ``HARNESS_DATA_DIR``.
    ``partial``: take files that are not the official ones, too; what the set is called says so.
    ``drop_per_class``: how many images of each class to leave out, drawn at random, the same ones always.
    """

    variant: ClassVar[Variant]

    def __init__(self, *, directory: Path | None = None, partial: bool = False, drop_per_class: int = 0) -> None:
        if drop_per_class < 0:
            msg = f"drop_per_class: {drop_per_class}: at least 0 is needed"
            raise ValueError(msg)
        self._directory, self._partial, self._drop = directory, partial, drop_per_class

    def unavailable(self) -> str | None:
        """Return what is wrong with the folder that is named; without one, a download is tried when it is needed."""
        named = self._place()
        try:
            if named:
                find(self.variant, *named)
        except HarnessError as error:
            return str(error)
        return None

    def source(self) -> str:
        """Return each file's digest in a folder that is named, else the archive's checksum."""
        named = self._place()
        if not named:
            return f"{self.variant.key} of the archive md5 {download.ARCHIVE.md5}"
        members = find(self.variant, *named)
        digests = {path: identity(path) for path in sorted({member.path for member in members.values()})}
        return "\n".join(
            f"{part} {role} {digests[member.path]} {member.inner or ''}"
            for (part, role), member in sorted(members.items())
        )

    def load(self) -> Labelled:
        """Return what `stream` gives, all of it in memory."""
        stream = self.stream()
        images = np.concatenate(list(stream.blocks()))
        return Labelled(images, stream.labels, stream.class_names, "image", stream.title, stream.checked)

    def stream(self) -> LabelledStream:
        """Check the files, read the labels, and return the images block by block.

        Raises:
            HarnessError: they are not to be had, faulty, or not the official ones without ``partial``.
        """
        files = survey(self.variant, self._members())
        problem = files.problem()
        if problem and not self._partial:
            raise HarnessError(problem)
        labels = self._labels(files)
        kept = self._kept(labels)

        def blocks() -> Iterator[NDArray[np.uint8]]:
            start = 0
            for part in files.counts:
                for block in reading.images(files.members[part, "images"]):
                    chosen_rows = kept[start : start + len(block)]
                    start += len(block)
                    yield block if chosen_rows.all() else block[chosen_rows]

        chosen = labels[kept]
        title = files.title(len(chosen))
        return LabelledStream((SIDE, SIDE), chosen, self.variant.class_names, blocks, "image", title, files.checked)

    @property
    def download(self) -> str:
        """What `fetch` downloads, in words."""
        return f"the archive of all variants, {megabytes(download.ARCHIVE.size)}, from {download.ARCHIVE.urls[0]}"

    def holding(self) -> Holding | None:
        """Return the files that are here, with their headers and checksums read now."""
        named = self._place() or (download.archive_path(), "the cache")
        if not named[0].exists():
            return None
        if named[0] == download.archive_path() and (problem := download.incomplete()):
            raise HarnessError(problem)
        files = survey(self.variant, find(self.variant, *named))
        rows = sum(files.counts.values())
        part = "" if files.complete else f", {rows:,} of {self.variant.count:,} images"
        place = next(iter(files.members.values())).path
        size = sum(member.size for member in files.members.values())
        return Holding(place if place.name.endswith(".zip") else place.parent, size, files.checked + part)

    def fetch(self) -> Path:
        """Download the archive unless it is here, and verify this set's files by their checksums.

        Raises:
            HarnessError: it cannot be downloaded, or is not the official one.
        """
        path = download.fetch()
        problem = survey(self.variant, find(self.variant, path, "the download")).problem()
        if problem:
            raise HarnessError(problem)
        return path

    def _place(self) -> tuple[Path, str] | None:
        """Return the folder to read from, and what names it; None for the archive in the cache, or the download.

        `HARNESS_DATA_DIR` may be meant for another set: where it has only that, the archive in the cache serves.
        """
        named = named_directory(self._directory)
        if named is None or self._directory is not None or not download.archive_path().is_file():
            return named
        return None if serves_others_alone(self.variant, named[0]) else named

    def _members(self) -> Members:
        named = self._place()
        return find(self.variant, *(named or (download.fetch(), "the download")))

    def _labels(self, files: Survey) -> NDArray[np.int64]:
        """Return the pooled labels (rows,) from 0."""
        pooled = []
        for part in files.counts:
            member = files.members[part, "labels"]
            labels = reading.labels(member).astype(np.int64) - self.variant.first_label
            classes = len(self.variant.class_names)
            if labels.min() < 0 or labels.max() >= classes:
                first = self.variant.first_label
                value = labels[(labels < 0) | (labels >= classes)][0] + first
                known = f"{first} … {first + classes - 1}"
                msg = f"{member}: holds the label {value}: those of {self.variant.title} are {known}"
                raise HarnessError(msg)
            pooled.append(labels)
        return np.concatenate(pooled)

    def _kept(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return a mask (rows,) of the images that ``drop_per_class`` leaves."""
        kept = np.ones(len(labels), dtype=np.bool_)
        if not self._drop:
            return kept
        for index, name in enumerate(self.variant.class_names):
            rows = np.flatnonzero(labels == index)
            if len(rows) <= self._drop:
                msg = f"drop_per_class: {self._drop} leaves none of the {counted(len(rows), 'image')} of class {name!r}"
                raise HarnessError(msg)
            kept[generator(_DROP_SEED, "drop_per_class", index).choice(rows, self._drop, replace=False)] = False
        return kept


class ByMerge(Emnist):
    """814,255 images of 47 classes: letters whose cases look alike are one. The paper's."""

    variant = variants.BYMERGE


class ByClass(Emnist):
    """814,255 images of 62 classes: digits, capitals and small letters."""

    variant = variants.BYCLASS


class Balanced(Emnist):
    """131,600 images of ByMerge's 47 classes, 2,800 of each."""

    variant = variants.BALANCED


class Letters(Emnist):
    """145,600 images of 26 classes, 5,600 of each: capitals and small letters together."""

    variant = variants.LETTERS


class EmnistDigits(Emnist):
    """280,000 images of the ten digits, 28,000 of each."""

    variant = variants.DIGITS


class EmnistMnist(Emnist):
    """70,000 images of the ten digits, 7,000 of each, in MNIST's format."""

    variant = variants.MNIST
