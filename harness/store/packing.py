"""The files of a run as its archive has them: without paths of the machine on which it was made."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from harness.errors import HarnessError
from harness.machine.files import checksum, encoded_json, open_regular, read_json
from harness.rows import TrialRow
from harness.store import classes, samples
from harness.store.ensembles import ensembles
from harness.store.header import NAME, OWN
from harness.store.run import Run
from harness.store.sealed import intact
from harness.store.several import Several, encoded_several
from harness.store.stored import Damaged, damaged_files, encoded_row

_OF_DATA = ("dataset", "datasets")
_SEPARATOR = r"(?:/|\\{1,2})"
_PART = r"""[^\s/\\'":;,()<>|]+"""
_PATH = re.compile(rf"(?<![\w.~/-])(?:[A-Za-z]:)?(?:{_SEPARATOR}{_PART})*{_SEPARATOR}({_PART})")
"""An absolute path in a text, and its last part. In an address of the web the slashes follow a colon or a slash."""
_SHORT = r"…/\1"
_BLOCK = 1 << 20
"""Characters of a text that are held at a time."""
_BETWEEN = """ \t\n'",;()<>|"""
"""Characters that neither belong to a path nor say whether one begins after them: a text is cut there."""


@dataclass(frozen=True)
class Log:
    """A text of a run, of any size, which is packed without the paths that it names."""

    path: Path

    def blocks(self) -> Iterator[bytes]:
        """Yield its content, block by block: no path is cut.

        Raises:
            OSError: it cannot be read, or is not a regular file.
        """
        kept = ""
        with open_regular(self.path) as file, TextIOWrapper(file, "utf-8", "backslashreplace", newline="") as text:
            while block := text.read(_BLOCK):
                kept += block
                end = max(map(kept.rfind, _BETWEEN)) + 1 or len(kept)  # a word that long is no path
                yield without_paths(kept[:end]).encode()
                kept = kept[end:]
        yield without_paths(kept).encode()


def packed_files(run: Run) -> Iterator[tuple[str, bytes | Path | Log]]:
    """Yield the name of each file of a run as another machine needs it, and its content or where that is.

    Raises:
        HarnessError: a row or a file of a trial is damaged.
    """
    yield NAME, _header(run)
    owners = {classes.NAME: classes.owner(run), samples.NAME: samples.owner(run), "sums.npz": None}
    for name, owner in owners.items():
        path = run.directory / name
        if path.is_file() and (owner is None or intact(path, owner)):
            yield name, path
    for experiment, seed in [*run.planned, *((each.name, each.seed) for each in ensembles(run))]:
        place = run.trial_directory(experiment, seed)
        stored = run.read(experiment, seed)
        if stored is None:
            continue
        problems = [stored.reason] if isinstance(stored, Damaged) else list(damaged_files(place, stored).values())
        if problems or isinstance(stored, Damaged):
            msg = f"{problems[0]}. Run the suite again: what is damaged is made anew"
            raise HarnessError(msg)
        folder = place.relative_to(run.directory).as_posix()
        yield f"{folder}/row.json", encoded_row(_portable(stored.row), stored.files)
        for name in stored.files:
            yield f"{folder}/{name}", place / name
        if (place / "log.txt").is_file():
            yield f"{folder}/log.txt", Log(place / "log.txt")


def packed_several(several: Several) -> bytes:
    """Return ``datasets.json`` without the paths that its reasons name."""
    members = [replace(member, reason=without_paths(member.reason)) for member in several.datasets]
    return encoded_several(replace(several, datasets=tuple(members)))


def without_paths(text: str) -> str:
    r"""Return a text in which each absolute path is its last part.

    >>> without_paths(r"File '/home/ada/x.py', line 3: https://example.org/a/b, 5 m/s; C:\Users\ada\y.py")
    "File '…/x.py', line 3: https://example.org/a/b, 5 m/s; …/y.py"
    """
    return _PATH.sub(_SHORT, text) if "/" in text or "\\" in text else text


def _portable(row: TrialRow) -> TrialRow:
    return replace(row, reason=without_paths(row.reason))


def _header(run: Run) -> bytes:
    """Return ``run.json`` with the names of files and folders alone, where it has absolute paths.

    Those are in how the run came about, and in the options of its data, which the data's digest identifies.
    """
    content = read_json(run.directory / NAME)
    packed = {key: value if key in OWN else _named(value) for key, value in content.items()}
    tables = {key: _named(table) if key in _OF_DATA else table for key, table in content["suite"].items()}
    packed |= {"suite": tables, "dataset": content["dataset"] | {"title": _named(content["dataset"].get("title", ""))}}
    sealed = {key: value for key, value in packed.items() if key not in {"format", "checksum"}}
    return encoded_json({"format": packed["format"], "checksum": checksum(sealed), **sealed})


def _named(value: Any) -> Any:
    match value:
        case dict():
            return {key: _named(each) for key, each in value.items()}
        case list():
            return [_named(each) for each in value]
        case str():
            option, equals, word = value.rpartition("=") if value.startswith("--") else ("", "", value)
            for kind in (PurePosixPath, PureWindowsPath):
                if kind(word).is_absolute():
                    return f"{option}{equals}{kind(word).name}"
            return without_paths(value)
    return value
