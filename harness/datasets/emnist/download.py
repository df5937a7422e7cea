"""The download of the official archive: checked before it is used, from the first mirror that has it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempprefix
from typing import Any

from filelock import FileLock, Timeout

from harness.datasets.downloads import LOG, Transferring
from harness.datasets.emnist.sources import ARCHIVE_NAME, beginning
from harness.errors import HarnessError
from harness.machine.cache import cache_root
from harness.machine.room import is_full
from harness.text import megabytes

_TIMEOUT = 30
"""Seconds without an answer after which a mirror is given up."""
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Archive:
    """The file that every set is in: its mirrors in order, its size in bytes, and its checksum."""

    urls: tuple[str, ...]
    size: int
    md5: str


ARCHIVE = Archive(
    (
        "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
        "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
    ),
    561_753_746,
    "58c8d27c78d21e728a6bc7b3cc06412e",
)


def archive_path() -> Path:
    """Return where the cache keeps the archive."""
    return cache_root() / "downloads" / "emnist" / ARCHIVE_NAME


def incomplete() -> str | None:
    """Return why what is in the archive's place cannot be it, None where its size is right."""
    size = archive_path().stat().st_size
    if size == ARCHIVE.size:
        return None
    return (
        f"{archive_path()}: {size:,} bytes, and the official archive has {ARCHIVE.size:,}. "
        "'harness datasets fetch' downloads it again"
    )


def fetch() -> Path:
    """Return the archive in the cache, checked; it is downloaded first if it is not there, or damaged.

    One process downloads at a time. What pooch left half done in one that was killed is removed, nothing else, and the
    download begins anew.

    Raises:
        HarnessError: no mirror gives the official archive; it says how to fetch it by hand.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would print what is logged here
    path = archive_path()
    problems = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_suffix(".lock")):
            for left in path.parent.glob(f"{gettempprefix()}*"):
                if left.is_file():
                    left.unlink()
            for url in ARCHIVE.urls:
                try:
                    pooch.retrieve(url, f"md5:{ARCHIVE.md5}", path.name, path.parent, downloader=_download)
                except _MirrorError as refused:
                    problems.append(f"{url}: {refused}")
                else:
                    return path
            if path.exists():
                problems.insert(0, f"{path}: {_otherness(path)}")
    except OSError as error:
        reason = "the disk is full" if is_full(error) else f"cannot be written to: {error.strerror}"
        msg = f"{path.parent}: {reason}: the archive takes {ARCHIVE.size / 1e6:,.0f} MB. Name another cache with "
        raise HarnessError(msg + "HARNESS_CACHE_DIR") from None
    raise HarnessError("; ".join(problems) + f". {_by_hand(path)}")


def _locked(path: Path) -> AbstractContextManager[object]:
    """Return a lock that is held until its ``with`` block ends; say so where it is waited for."""
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        LOG.info("waiting for another process that downloads to %s", path.parent)
        return lock.acquire()


def _by_hand(path: Path) -> str:
    return (
        f"By hand: get {ARCHIVE_NAME} from {ARCHIVE.urls[0]} ({ARCHIVE.size:,} bytes, md5 {ARCHIVE.md5}), and put it "
        f"at {path}, or name its folder with --data-dir"
    )


def _otherness(path: Path) -> str | None:
    """Return how a file differs from the official archive, None if it is the archive."""
    import pooch

    digest = pooch.file_hash(str(path), alg="md5")
    if digest == ARCHIVE.md5:
        return None
    return f"not the official archive: {path.stat().st_size:,} bytes, md5 {digest}"


class _MirrorError(Exception):
    """A mirror that does not give the archive; the text says why."""


def _download(url: str, output: str, _: Any) -> None:
    """Write what a URL answers with to a temporary file of pooch's; check it before it is taken."""
    import pooch
    from requests import exceptions

    content = Path(output)
    LOG.info("downloading %s, %s", url, megabytes(ARCHIVE.size))
    try:
        with Transferring(url) as transferring:
            counter: Any = _Counter(transferring)
            pooch.HTTPDownloader(progressbar=counter, chunk_size=_CHUNK, timeout=_TIMEOUT)(url, output, None)
    except exceptions.HTTPError as error:
        raise _MirrorError(str(error).partition(" for url")[0]) from None
    except (exceptions.RequestException, ValueError) as error:  # ValueError: a length that is not a number
        if content.stat().st_size or isinstance(error, exceptions.ChunkedEncodingError):
            reason = "the answer breaks off"
        elif isinstance(error, exceptions.ConnectionError | exceptions.Timeout):
            reason = "cannot be reached"
        else:
            reason = "the answer makes no sense"
        msg = f"{reason} ({type(error).__name__})"
        raise _MirrorError(msg) from None
    with content.open("rb") as file:
        begins = file.read(20)
    if begins[:2] != b"PK":
        msg = f"answers with {content.stat().st_size:,} bytes that begin with {beginning(begins)}, no zip archive"
        raise _MirrorError(msg)
    other = _otherness(content)
    if other:
        raise _MirrorError(other)


class _Counter:
    """What pooch calls with the bytes that came: it tells how many, and ends an answer longer than the archive."""

    def __init__(self, transferring: Transferring) -> None:
        self._transferring = transferring
        self.total = 0
        self._done = 0

    def update(self, size: int) -> None:
        """Count some bytes more; pooch gives whole chunks."""
        self._done += size
        if self._done > ARCHIVE.size + 2 * _CHUNK:
            msg = f"answers with more than the archive's {ARCHIVE.size:,} bytes"
            raise _MirrorError(msg)
        self._transferring.announce(self._done, self.total or None)

    def reset(self) -> None:
        """Begin anew."""
        self._done = 0

    def close(self) -> None:
        """End."""
