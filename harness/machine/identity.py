"""What a file is: the digest of its content, remembered while nothing on this machine can have changed it.

Path, size and time of change do not identify a file: ``cp -p`` and archives keep the time. The content does. Reading it
is cheap for small files. The digest of a large one is remembered with its size, times, inode, device and the machine's
boot, and computed again when one of them differs or cannot be trusted.
"""

from __future__ import annotations

import json
import re
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from harness.machine.cache import cache_root
from harness.machine.files import checksum, content_digest, read_regular, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    Stamp = dict[str, list[int] | str]

SMALL_BYTES = 1 << 20
"""Files up to this size are always read: a millisecond."""
SETTLED_SECONDS = 60.0
"""A file that changed more recently may change again within one tick of its clock; pages that a program writes through
a memory map reach the file, and its times, after up to half a minute."""
_RECORD_BYTES = 1 << 16
_EPOCH_NS = 315_532_800 * 10**9
"""1980-01-01: a change dated before it was dated by a file system that does not know."""
_TRUSTED = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
"""Local file systems that set the time of change and the inode themselves. Elsewhere the content is read each time."""


def identity(path: Path) -> str:
    """Return the SHA-256 of a file's content; equal texts mean equal content, wherever the file is.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
    """
    path = path.resolve()
    if path.stat().st_size <= SMALL_BYTES:
        return content_digest(path)
    record = record_of(path)
    before = stamp([path])
    known = recall(record, before)
    if known is not None:
        return known
    digest = content_digest(path)
    remember(record, before, digest)
    return digest


def record_of(path: Path) -> Path:
    """Return where the cache remembers the digest of a path's content."""
    return cache_root() / "digests" / f"{sha256(str(path).encode(errors='surrogateescape')).hexdigest()}.json"


def stamp(paths: Iterable[Path]) -> Stamp | None:
    """Return what changes when one of some files does; None where that cannot be trusted.

    It cannot on other systems than Linux, on network and foreign file systems, or when a file changed a moment ago,
    in the future or before 1980.
    """
    since = boot()
    if since is None:
        return None
    facts: Stamp = {"boot": since}
    now = time.time()
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            return None
        settled = _EPOCH_NS < status.st_ctime_ns < (now - SETTLED_SECONDS) * 10**9
        if not settled or _file_system(path) not in _TRUSTED:
            return None
        facts[str(path)] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]
    return facts


def recall(record: Path, now: Stamp | None) -> str | None:
    """Return the digest that a record has for a stamp; None where it has none, has another stamp, or is damaged."""
    if now is None:
        return None
    try:
        kept = json.loads(read_regular(record, most=_RECORD_BYTES))
        kept, sum_ = kept["kept"], kept["checksum"]
        if sum_ != checksum(kept) or kept["stamp"] != now:
            return None
        return str(kept["digest"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def remember(record: Path, before: Stamp | None, digest: str) -> None:
    """Keep the digest of files, if their stamp is still what it was before they were read.

    A record is a shortcut: where it cannot be written, the files are read again the next time.
    """
    if before is None or stamp(Path(path) for path in before if path != "boot") != before:
        return
    kept = {"stamp": before, "digest": digest}
    try:
        for left in record.parent.glob(f".{record.name}.*"):  # of a process that was killed while it wrote
            left.unlink(missing_ok=True)
        write_json(record, {"kept": kept, "checksum": checksum(kept)}, durable=False)
    except (OSError, ValueError):
        return


def boot() -> str | None:
    """Return what identifies the machine since its last start; None where that is unknown."""
    if sys.platform != "linux":
        return None
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() or None
    except (OSError, ValueError):
        return None


def _file_system(path: Path) -> str:
    """Return the type of the file system that a path is on, as Linux lists its mounts; nothing where unknown.

    A line of the list: id, parent, device, root, mount point, options, … ``-``, type, source, options.
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, longest, kind = path.resolve(), -1, ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields.split(" ")[4]))
        length = len(point.parts)
        if length >= longest and place.is_relative_to(point):  # of two mounts at one point, the later is seen
            longest, kind = length, rest.partition(" ")[0]
    return kind
