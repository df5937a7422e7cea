"""Where the idx files are: in a folder, gzipped or not, or in the official archive."""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from harness.datasets.emnist.variants import ALL, PARTS, Variant
from harness.errors import HarnessError
from harness.machine.files import open_regular
from harness.machine.paths import absolute

ARCHIVE_NAME = "gzip.zip"
DATA_DIRECTORY = "HARNESS_DATA_DIR"
ROLES = ("images", "labels")
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Member:
    """One of a set's files; ``inner`` is its name within the archive ``path``."""

    path: Path
    size: int
    inner: str | None = None

    def __str__(self) -> str:
        """Return what errors call it."""
        return f"{self.path}: {self.inner}" if self.inner else str(self.path)

    @property
    def gzipped(self) -> bool:
        """Whether it is as it was published, by its content: some browsers unpack a file and keep its name.

        Raises:
            HarnessError: it cannot be read.
        """
        with self.opened() as file:
            begins: bytes = file.peek(2)[:2]
            return begins == GZIP

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Give the bytes as they are kept: a buffered reader.

        Raises:
            HarnessError: they cannot be read, or what reads them finds them damaged.
        """
        try:
            if self.inner is None:
                with open_regular(self.path) as file:
                    yield file
            else:
                with ZipFile(self.path) as archive, archive.open(self.inner) as file:
                    yield file
        # zipfile: NotImplementedError of a compression that it does not know, RuntimeError of a member with a password.
        except (OSError, EOFError, zlib.error, BadZipFile, NotImplementedError, RuntimeError) as error:
            refused = isinstance(error, OSError) and error.strerror
            damage = f"damaged: {' '.join(str(error).split())}. Get it again"
            msg = f"{self}: cannot be read: {refused}" if refused else f"{self}: {damage}"
            raise HarnessError(msg) from None


Members = dict[tuple[str, str], Member]
"""A set's files by ``("train" | "test", "images" | "labels")``; what is absent is not in it."""


def named_directory(directory: Path | None) -> tuple[Path, str] | None:
    """Return the folder that the user names, and what names it; None if none is named."""
    if directory is not None:
        return directory, "directory"
    named = os.environ.get(DATA_DIRECTORY)
    return (absolute(Path(named)), DATA_DIRECTORY) if named else None


def find(variant: Variant, place: Path, named_by: str) -> Members:
    """Return a set's files in a folder, in its ``gzip`` folder, or in the archive there; ``place`` may be the archive.

    Raises:
        HarnessError: there is none, or it cannot be looked through; ``what`` says who named the place.
    """
    try:
        if place.is_file():
            return in_archive(variant, place)
        if not place.is_dir():
            msg = f"{named_by}: {place}: no such folder"
            raise HarnessError(msg)
        members = _in_folder(variant, place)
        if not members and (place / ARCHIVE_NAME).is_file():
            return in_archive(variant, place / ARCHIVE_NAME)
    except OSError as error:
        msg = f"{named_by}: {error.filename or place}: cannot be read: {error.strerror}"
        raise HarnessError(msg) from None
    if not members:
        msg = f"{named_by}: {place}: holds neither {variant.file_name('train', 'images')}[.gz] nor {ARCHIVE_NAME}"
        others = _other_sets(variant, place)
        if others:
            msg = f"{msg}; it has files of {', '.join(others)}. Name the folder of {variant.title} with --data-dir"
            if named_by == DATA_DIRECTORY:
                msg += f", or 'harness datasets fetch emnist-{variant.key}' downloads it"
        raise HarnessError(msg)
    return members


def serves_others_alone(variant: Variant, place: Path) -> bool:
    """Return whether a folder has files of other sets, and nothing of this one."""
    try:
        own = place.is_file() or (place / ARCHIVE_NAME).exists() or _in_folder(variant, place)
        return not own and bool(_other_sets(variant, place))
    except OSError:
        return False


def _other_sets(variant: Variant, place: Path) -> list[str]:
    return [other.title for other in ALL if other.key != variant.key and _in_folder(other, place)]


def _in_folder(variant: Variant, place: Path) -> Members:
    members: Members = {}
    for part, role in ((part, role) for part in PARTS for role in ROLES):
        name = variant.file_name(part, role)
        candidates = [folder / file for folder in (place, place / "gzip") for file in (f"{name}.gz", name)]
        path = next((path for path in candidates if path.is_file()), None)
        if path is not None:
            members[part, role] = Member(path, path.stat().st_size)
    return members


def in_archive(variant: Variant, path: Path) -> Members:
    """Return a set's files in an archive; nothing is unpacked to where a name in it leads.

    Raises:
        OSError: it cannot be read.
        HarnessError: it is no zip archive, has a member that would leave its folder, or none of this set.
    """
    with path.open("rb") as file:
        begins = file.read(20)
    try:
        with ZipFile(path) as archive:
            inside = archive.infolist()
    # zipfile: NotImplementedError of a version that it does not know, ValueError of a directory that makes no sense.
    except (OSError, BadZipFile, NotImplementedError, ValueError) as error:
        reason = f"damaged: {' '.join(str(error).split())}" if begins[:2] == b"PK" else "not a zip archive"
        msg = f"{path}: {reason}: begins with {beginning(begins)}. Get it again"
        raise HarnessError(msg) from None
    for info in inside:
        inner = PurePosixPath(info.filename.replace("\\", "/"))
        if inner.is_absolute() or ".." in inner.parts or ":" in info.filename:
            msg = f"{path}: holds {info.filename!r}, which would leave its folder: not the official archive. Remove it"
            raise HarnessError(msg)
    by_name = {PurePosixPath(info.filename).name: info for info in inside}
    members: Members = {}
    for part, role in ((part, role) for part in PARTS for role in ROLES):
        name = f"{variant.file_name(part, role)}.gz"
        if name in by_name:
            members[part, role] = Member(path, by_name[name].file_size, by_name[name].filename)
    if not members:
        msg = f"{path}: holds no {variant.file_name('train', 'images')}.gz: not the official archive"
        raise HarnessError(msg)
    return members


def beginning(content: bytes) -> str:
    """Return how a file begins, for people: text where it is text.

    >>> beginning(b"<!DOCTYPE html>"), beginning(bytes([31, 139])), beginning(b"")
    ("'<!DOCTYPE html>'", '1f 8b', 'nothing')
    """
    start = content[:20]
    if start.isascii() and start.decode("ascii").replace("\n", " ").isprintable() and start:
        return repr(start.decode("ascii"))
    return start[:4].hex(" ") or "nothing"
