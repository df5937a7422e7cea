"""A trial's directory: its row, and the digests of the files that the row speaks of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.files import checksum, digest_of, write_bytes
from harness.rows import TrialRow

FORMAT = 1
_ROW = TypeAdapter(TrialRow)


@dataclass(frozen=True)
class Stored:
    """A row as found in a directory, with the digests of its files."""

    row: TrialRow
    files: dict[str, str]


def plain(row: TrialRow) -> dict[str, Any]:
    """Return a row as JSON has it: dicts, lists, numbers, texts."""
    content: dict[str, Any] = _ROW.dump_python(row, mode="json")
    return content


def write_stored(place: Path, row: TrialRow, files: Mapping[str, str], *, durable: bool) -> Stored:
    """Write a row, after the files that it speaks of; an OSError is the caller's to tell."""
    body = {"row": plain(row), "files": dict(files)}
    told = {"format": FORMAT, "checksum": checksum(body), **body}
    write_bytes(place / "row.json", json.dumps(told).encode(), durable=durable)
    return Stored(row, dict(files))


def read_stored(place: Path) -> Stored | str | None:
    """Return the row in a directory, None where none was written, or in words what is wrong with the file."""
    path = place / "row.json"
    try:
        content = json.loads(path.read_bytes())
        body = {"row": content["row"], "files": content["files"]}
        if content["checksum"] != checksum(body):
            return f"{path}: its checksum does not match"
        return Stored(_ROW.validate_python(body["row"]), dict(body["files"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        return f"{path}: {type(error).__name__}: {' '.join(str(error).split())[:100]}"


def damaged(place: Path, stored: Stored) -> dict[str, str]:
    """Return which of a row's files are missing or altered: by name, what is wrong, in words."""
    found = {name: digest_of(place / name) for name in stored.files}
    return {
        name: f"{place / name}: {'is missing' if found[name] is None else 'its checksum does not match'}"
        for name, digest in stored.files.items()
        if found[name] != digest
    }
