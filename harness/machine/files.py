"""Files that last: written at once or not at all, opened if they are regular, known by their digest."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import stat
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep
from typing import Any

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{12}")
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
LARGEST_TEXT = 1 << 28
"""Bytes of the largest JSON file that is read: a row or a header of a run of 100,000 trials has a tenth of that."""
_READER_SECONDS = 2.0
_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR}
"""What systems answer that cannot write a directory through to the disk."""


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file to read its bytes; a link to a regular file is followed.

    A device may have no end, and a pipe may wait for ever: neither is opened.

    Raises:
        OSError: it cannot be read, or is not a regular file; ``strerror`` says which.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise _not_regular(path)
    # Another may take its place between the two calls: without O_NONBLOCK, to open a pipe waits for its writer.
    file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise _not_regular(path)
    return file


def append_line(path: Path, line: str) -> None:
    """Add a line to the end of a text file, which is made where there is none.

    Raises:
        OSError: it cannot be written to, or is not a regular file; ``strerror`` says which.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, flags, 0o666)
    with os.fdopen(handle, "ab") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _not_regular(path)
        file.write(f"{line}\n".encode(errors="backslashreplace"))


def read_regular(path: Path, *, most: int) -> bytes:
    """Return a regular file's bytes, at most ``most``; the caller says why no file of its kind has more.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger; ``strerror`` says which.
    """
    with open_regular(path) as file:
        # As many as it has, and one: `read` takes memory for all that it is asked for, which a limit may not allow.
        asked = min(os.fstat(file.fileno()).st_size, most) + 1
        content = file.read(asked)
        if len(content) == asked <= most:  # it has grown
            content += file.read(most + 1 - asked)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"is larger than {most:,} bytes, the most that is read of such a file", str(path))
    return content


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, "is not a regular file", str(path))


def read_json(path: Path, *, most: int = LARGEST_TEXT) -> Any:
    """Return what a regular file of JSON holds.

    Raises:
        OSError: as `read_regular` does.
        ValueError: it is not JSON, or nests deeper than Python reads it.
    """
    try:
        return json.loads(read_regular(path, most=most))
    except RecursionError:
        msg = "its lists or objects nest too deeply"
        raise ValueError(msg) from None
    except json.JSONDecodeError as error:
        raise ValueError(not_json(error)) from None


def not_json(error: json.JSONDecodeError) -> str:
    """Return what is wrong with a file that should be JSON, in words of files and not of the parser."""
    if not error.doc.strip():
        return "is empty"
    return f"is cut short or damaged: not JSON at line {error.lineno}, column {error.colno}"


def is_temporary(name: str, of: str | None = None) -> bool:
    """Say whether a file's name is one that `temporary_for` gives a file, ``of`` this name, until it is whole.

    >>> is_temporary(".run.json.0123456789ab"), is_temporary(".run.json.0123456789ab", of="row.json")
    (True, False)
    """
    match = _TEMPORARY.fullmatch(name)
    return match is not None and of in {None, match[1]}


def temporary_for(path: Path) -> Path:
    """Return where a file's content may be until it is whole, beside it: a name that no other file and process has."""
    return path.with_name(f".{path.name}.{token_hex(6)}")


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash, meets the old content or the new, never a part.

    ``durable``: wait until the disk has it, and its name in its folder, so that it outlives a loss of power too.

    Raises:
        OSError: it cannot be written; ``filename`` says which.
    """
    temporary = temporary_for(path)
    try:
        file = temporary.open("xb")  # with the rights of any file that its user makes; tempfile's are for them alone
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("xb")
    try:
        with file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        _take_place(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a failed write does not say what it wrote
        with suppress(OSError):  # the first error is the one to report
            temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def sync_directory(folder: Path) -> None:
    """Wait until the disk has the names of a folder's files, on systems that can do so.

    Raises:
        OSError: the disk reports an error.
    """
    if os.name == "nt":  # a folder cannot be opened there
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno in _NO_DIRECTORY_SYNC:
            return
        raise
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(handle)


def _take_place(temporary: Path, path: Path) -> None:
    """Rename a file to a name that may be taken: on Windows not while a reader has that file open, which is brief."""
    deadline = monotonic() + _READER_SECONDS
    while True:
        try:
            temporary.replace(path)
        except PermissionError as error:
            if not getattr(error, "winerror", None) or monotonic() > deadline:
                raise
            sleep(0.01)
        else:
            return


def write_json(path: Path, content: Any, *, durable: bool = True) -> None:
    """Write indented JSON, as `write_bytes` does."""
    write_bytes(path, encoded_json(content), durable=durable)


def encoded_json(content: Any) -> bytes:
    """Return a value as indented JSON; text that is not Unicode, a path of other bytes, is escaped."""
    try:
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(content, indent=1) + "\n").encode()


def missing(path: str) -> bool:
    """Return whether nothing has a path's name; what cannot be looked at may have it."""
    try:
        os.stat(path)  # noqa: PTH116 - a text is quicker than a Path
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def version_of(path: Path | str) -> tuple[int, ...] | None:
    """Return what changes when a file does: inode, size and times; None where it cannot be looked at."""
    try:
        status = os.stat(path)  # noqa: PTH116 - of a text, too
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a regular file, None where there is none that can be read."""
    try:
        return content_digest(path)
    except OSError:
        return None


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a regular file, read now.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    with open_regular(path) as file:
        return file_digest(file, "sha256").hexdigest()


def checksum(content: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return sha256(_CANONICAL.encode(content).encode()).hexdigest()
