"""A run as one file: a ZIP archive with a manifest of its files' sizes and checksums, and no path of a machine.

Runs of several datasets are one archive, too: ``datasets.json``, and each run in its folder.
"""

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from harness.errors import HarnessError, as_typed, one_line, shown
from harness.machine.files import checksum, open_regular
from harness.store.arriving import arriving, arriving_file, refuse_existing
from harness.store.header import SEVERAL
from harness.store.manifest import MANIFEST, MOST_BYTES, Manifest, read_manifest
from harness.store.names import safe_name
from harness.store.opening import at_rest
from harness.store.packing import Log, packed_files, packed_several
from harness.store.several import read_several, runs_of, some_runs_of

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every member, so that equal runs give equal archives."""
_BLOCK = 1 << 20
_LONGER = 4
"""How much longer a log can be that is packed: a byte that is no text becomes four, ``/a`` becomes ``…/a``."""


class Exported(NamedTuple):
    """An archive that was written: how many files it has, and its bytes."""

    files: int
    bytes: int


def export_run(directory: Path, target: Path) -> Exported:
    """Write a run as an archive: its header, rows, arrays and logs, without what paths of this machine they have.

    Of several datasets, all that have a run. What another machine does not need is left out: superseded trials,
    checkpoints, pages.

    Raises:
        HarnessError: there is no run, a driver is at work on it, one of its files is damaged, or ``target`` is there
            already.
    """
    with at_rest(_places(directory), "Export") as check, arriving_file(target, "--out") as temporary:
        with ZipFile(temporary, "w") as archive:
            files: dict[str, dict[str, Any]] = {}
            for name, content in _packed(directory):
                files[name] = _add(archive, name, content)
            body = {"run": safe_name(directory.resolve().name), "files": files}
            _add(archive, MANIFEST, json.dumps({"format": 1, "checksum": checksum(body), **body}, indent=1).encode())
        size = temporary.stat().st_size
        check()
    return Exported(len(files), size)


def _places(directory: Path) -> list[Path]:
    """Return the directories of a run, or of all datasets' runs: each can be opened."""
    runs = some_runs_of(directory, read_several(directory))
    return [directory, *(run.directory for run in runs.values())]


def _packed(directory: Path) -> Iterator[tuple[str, bytes | Path | Log]]:
    """Yield the files of a run, or of all datasets' runs, and their content."""
    several = read_several(directory)
    if several:
        yield SEVERAL, packed_several(several)
    for run in some_runs_of(directory, several).values():
        place = f"{run.directory.name}/" if several else ""
        yield from ((f"{place}{name}", content) for name, content in packed_files(run))


def _add(archive: ZipFile, name: str, content: bytes | Path | Log) -> dict[str, Any]:
    """Write a file, block by block; return its entry in the manifest."""
    member = ZipInfo(name, _EPOCH)
    # Arrays too: an array file is an archive itself, whose end would be taken for this one's where this is cut short.
    member.compress_type = ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    member._compresslevel = 1  # type: ignore[attr-defined]  # noqa: SLF001 - `writestr` alone takes it, and whole files
    member.file_size = _most(content)  # by which it is decided how sizes are written
    hasher, size = sha256(), 0
    with archive.open(member, "w") as file:
        for block in _blocks(content):
            hasher.update(block)
            size += len(block)
            file.write(block)
    return {"bytes": size, "sha256": hasher.hexdigest()}


def _most(content: bytes | Path | Log) -> int:
    """Return how many bytes are packed of a content, at most."""
    if isinstance(content, bytes):
        return len(content)
    longer, path = (_LONGER, content.path) if isinstance(content, Log) else (1, content)
    with _reading(path):
        return longer * path.stat().st_size


def _blocks(content: bytes | Path | Log) -> Iterator[bytes]:
    match content:
        case bytes():
            yield content
        case Log(path):
            with _reading(path):
                yield from content.blocks()
        case Path():
            with _reading(content), open_regular(content) as file:
                while block := file.read(_BLOCK):
                    yield block


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror or one_line(error)}. Nothing was exported"
        raise HarnessError(msg) from None


def import_run(path: Path, out: Path | None = None) -> Path:
    """Unpack a run's archive into a new folder, ``runs/`` and its name without ``out``; return it.

    Before anything is written, the archive must name no file but those that a run has, once each, as many bytes as
    its manifest says; of several datasets, those of runs in the folders that ``datasets.json`` names. It takes its name
    when every checksum is verified and each run can be opened.

    Raises:
        HarnessError: it is not such an archive, is damaged, or the target is there already. Nothing is left behind.
    """
    with _opened(path) as archive:
        manifest = read_manifest(path, archive)
        target = out or Path("runs") / manifest.run
        refuse_existing(target, "--out")
        _check_room(path, target, manifest)
        with arriving(target, "--out") as folder:
            for name, entry in manifest.files.items():
                _extract(path, archive, name, folder / name, entry)
            try:
                runs_of(folder, read_several(folder))
            except HarnessError as error:
                msg = f"{as_typed(path)}: {str(error).removeprefix(str(folder)).lstrip('/:')}"
                raise HarnessError(msg) from None
    return target


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(path) as archive:
            yield archive
    except OSError as error:
        msg = f"{as_typed(path)}: cannot be read: {error.strerror or one_line(error)}"
        raise HarnessError(msg) from None
    # zipfile: NotImplementedError of a compression that it does not know, RuntimeError of a member with a password.
    except (BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        msg = f"{as_typed(path)}: damaged, or not an archive that 'harness export' wrote: {one_line(error, 100)}"
        raise HarnessError(msg) from None


def _check_room(path: Path, target: Path, manifest: Manifest) -> None:
    place = next((parent for parent in target.absolute().parents if parent.exists()), Path())
    needed, free = sum(entry.bytes for entry in manifest.files.values()), shutil.disk_usage(place).free
    if needed > min(free, MOST_BYTES):
        msg = f"{as_typed(path)}: has {needed:,} bytes of files, and {free:,} are free in {place}. Free some space"
        raise HarnessError(msg)


def _extract(path: Path, archive: ZipFile, name: str, target: Path, entry: Any) -> None:
    """Write one file, of as many bytes as the manifest says and no more."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hasher, left = sha256(), entry.bytes
    with archive.open(name) as source, target.open("xb") as file:
        while left and (block := source.read(min(_BLOCK, left))):
            hasher.update(block)
            file.write(block)
            left -= len(block)
        if left or source.read(1) or hasher.hexdigest() != entry.sha256:
            msg = f"{as_typed(path)}: {shown(name)} is damaged: its checksum does not match. Copy the archive again"
            raise HarnessError(msg)
