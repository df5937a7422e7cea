"""A trial's directory: its row, and the digests of the files that the row names."""

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.errors import HarnessError, one_line, shown
from harness.machine.files import checksum, content_digest, read_json, write_bytes
from harness.rows import TrialRow
from harness.store.earlier import upgraded

FORMAT = 2
"""What is written. An older version refuses a run of a newer format, and makes nothing of it again."""
READ = (1, 2)
"""What is read; `harness.store.earlier` says what was different."""
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EINVAL, errno.EFBIG, errno.ELOOP}
"""The errors of a place that holds no file, or not a regular one, or one that is too large to be a row."""
_ROW = TypeAdapter(TrialRow)
_FILES = TypeAdapter(dict[str, str])


@dataclass(frozen=True)
class Stored:
    """A row as it is in a directory, with the digests of its files."""

    row: TrialRow
    files: dict[str, str]


@dataclass(frozen=True)
class Damaged:
    """A row that cannot be read, and why: one line that names the file."""

    reason: str


def plain(row: TrialRow) -> dict[str, Any]:
    """Return a row as JSON has it: dicts, lists, numbers, texts."""
    content: dict[str, Any] = _ROW.dump_python(row, mode="json")
    return content


def write_stored(place: Path, row: TrialRow, files: Mapping[str, str], *, durable: bool) -> Stored:
    """Write a row, after the files that it names.

    Raises:
        OSError: it cannot be written.
    """
    write_bytes(place / "row.json", encoded_row(row, files), durable=durable)
    return Stored(row, dict(files))


def encoded_row(row: TrialRow, files: Mapping[str, str]) -> bytes:
    """Return the content of a ``row.json``."""
    body = {"row": plain(row), "files": dict(files)}
    return json.dumps({"format": FORMAT, "checksum": checksum(body), **body}).encode()


def read_stored(place: Path, experiment: str, seed: int) -> Stored | Damaged | None:
    """Return the row in the directory of a trial, None where none was written.

    A row of another trial, moved or copied there, is `Damaged` too: it says nothing of this one.

    Raises:
        HarnessError: this user may not read it, or the system fails to: what it holds may be whole.
    """
    path = place / "row.json"
    try:
        content = read_json(path)
        body = {"row": content["row"], "files": content["files"]}
        if content["checksum"] != checksum(body):
            return Damaged(f"{path}: its checksum does not match")
        stored = Stored(_ROW.validate_python(upgraded(body["row"])), _FILES.validate_python(body["files"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if not _of_content(error):
            raise _unreadable(path, error) from None
        return Damaged(f"{path}: {error.strerror}")
    except (ValueError, KeyError, TypeError) as error:
        return Damaged(f"{path}: {one_line(error, 100)}")
    if (stored.row.experiment, stored.row.seed) != (experiment, seed):
        whose = f"{shown(stored.row.experiment)} seed {stored.row.seed}"
        return Damaged(f"{path}: is of {whose}, not of this trial")
    return stored


def damaged_files(place: Path, stored: Stored) -> dict[str, str]:
    """Return which of a row's files are missing or altered: by name, what is wrong, in words.

    Raises:
        HarnessError: this user may not read one, or the system fails to.
    """
    digests = {name: _digest(place / name) for name in stored.files}
    return {
        name: f"{place / name}: {'is missing' if digests[name] is None else 'its checksum does not match'}"
        for name, digest in stored.files.items()
        if digests[name] != digest
    }


def _digest(path: Path) -> str | None:
    """Return a file's digest, None where no regular file is there."""
    try:
        return content_digest(path)
    except OSError as error:
        if not _of_content(error):
            raise _unreadable(path, error) from None
        return None


def _of_content(error: OSError) -> bool:
    """Return whether no regular file of a row's size is there; other errors are of permissions or resources."""
    return error.errno in _NOT_THERE


def _unreadable(path: Path, error: OSError) -> HarnessError:
    """Return the error of a file that may be whole: it is not made again, because that would replace it."""
    return HarnessError(f"{path}: cannot be read: {error.strerror}. Make it readable, and repeat the command")
