"""The manifest of a run's archive, verified before anything of it is written."""

import json
import re
import stat
from pathlib import Path
from typing import Annotated, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import HarnessError, as_typed, printable, shown
from harness.machine.files import LARGEST_TEXT, checksum
from harness.store.header import NAME, SEVERAL
from harness.store.several import parsed_several

MANIFEST = "manifest.json"
MOST_BYTES = 1 << 44
"""Bytes of the files of one archive, whatever room there is."""
_FOLDER = r"(?!\.)[^/\\:\x00-\x1f]{1,200}"
_IN_RUN = re.compile(
    r"run\.json|classes\.npz|samples\.npz|sums\.npz|"
    rf"(trials|ensembles)/{_FOLDER}/seed-\d{{1,20}}/"
    r"(row\.json|log\.txt|(state|validation|evaluation|examples)\.npz)"
)
"""The names of files in an archive: those of a run directory, and no other."""
_IN_FOLDER = re.compile(rf"({_FOLDER})/({_IN_RUN.pattern})")
"""The same, of the run of one of several datasets."""
_NAME = re.compile(_FOLDER)
_FLAG_ENCRYPTED = 1


class Entry(BaseModel):
    """A file: its bytes, and their SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    bytes: Annotated[int, Field(ge=0, le=MOST_BYTES)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: int
    checksum: str
    run: str
    files: dict[str, Entry]


class Manifest(NamedTuple):
    """``run``: the name of the directory that was exported; ``files``: by their names in it."""

    run: str
    files: dict[str, Entry]


def read_manifest(path: Path, archive: ZipFile) -> Manifest:
    """Return an archive's manifest, which names every member, and no file that a run does not have.

    Raises:
        HarnessError: it does not: a path that leads out of the run, a link, a device, a member that is there twice or
            has another size.
    """
    members = archive.infolist()
    for member in members:
        if problem := _problem(member):
            raise _refused(path, f"{shown(member.filename)} {problem}")
    names = [member.filename for member in members]
    if len({name.casefold() for name in names}) < len(names):
        raise _refused(path, "two of its files have the same name")
    if MANIFEST not in names:
        raise _refused(path, f"{MANIFEST} is missing")
    content = _parsed(path, archive.open(MANIFEST).read(LARGEST_TEXT + 1))
    if set(content.files) | {MANIFEST} != set(names):
        other = next(iter(set(content.files) ^ (set(names) - {MANIFEST})))
        raise _refused(path, f"its manifest and its files differ: {shown(other)}")
    for member in members:
        if member.filename != MANIFEST and member.file_size != content.files[member.filename].bytes:
            raise _refused(path, f"{shown(member.filename)} is not of the size that the manifest says")
    _check_runs(path, archive, set(names) - {MANIFEST})
    if not _NAME.fullmatch(content.run):
        raise _refused(path, f"its run is called {shown(content.run)}, which is no folder's name")
    return Manifest(content.run, content.files)


def _check_runs(path: Path, archive: ZipFile, names: set[str]) -> None:
    """Refuse an archive that is neither of a run, nor of runs in the folders that its ``datasets.json`` names."""
    folders = {""}
    if SEVERAL in names:
        try:
            several = parsed_several(Path(SEVERAL), archive.open(SEVERAL).read(LARGEST_TEXT))
        except HarnessError:
            raise _refused(path, f"{SEVERAL} is damaged") from None
        known = {f"{member.folder}/" for member in several.datasets}
        folders = {folder for folder in known if any(name.startswith(folder) for name in names)}
        if not folders:
            raise _refused(path, f"it has no run of the datasets in {SEVERAL}")
    for name in sorted(names - {SEVERAL}):
        within = _IN_FOLDER.fullmatch(name) if SEVERAL in names else _IN_RUN.fullmatch(name)
        if not within or (SEVERAL in names and f"{within[1]}/" not in folders):
            raise _refused(path, f"{shown(name)} is no file of a run")
    if missing := sorted(folder for folder in folders if f"{folder}{NAME}" not in names):
        raise _refused(path, f"{missing[0]}{NAME} is missing")


def _problem(member: ZipInfo) -> str:
    """Return what is wrong with a member, in words; nothing where it may be in an archive of a run."""
    name, kind = member.filename, stat.S_IFMT(member.external_attr >> 16)
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    if ".." in re.split(r"[/\\]", name):
        return "leads out of the run's folder"
    if kind and not stat.S_ISREG(kind):
        return "is a link" if stat.S_ISLNK(kind) else "is no regular file"
    if member.flag_bits & _FLAG_ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:  # what others raise, and how much memory they take
        return "is compressed in another way than by deflate"
    known = name in {MANIFEST, SEVERAL} or any(names.fullmatch(name) for names in (_IN_RUN, _IN_FOLDER))
    return "" if known else "is no file of a run"


def _parsed(path: Path, encoded: bytes) -> _Content:
    try:
        if len(encoded) > LARGEST_TEXT:
            raise _refused(path, f"{MANIFEST} is too large")
        content = _Content.model_validate_json(encoded)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _refused(path, printable(f"{MANIFEST}: {place}: {first['msg']}", 200)) from None
    body = {"run": content.run, "files": {name: entry.model_dump() for name, entry in content.files.items()}}
    if content.format != 1:
        raise _refused(path, f"{MANIFEST} is of format {content.format}, this harness reads 1")
    if checksum(json.loads(json.dumps(body))) != content.checksum:
        raise _refused(path, f"{MANIFEST} is damaged: its checksum does not match")
    return content


def _refused(path: Path, what: str) -> HarnessError:
    return HarnessError(f"{as_typed(path)}: {what}. Nothing was written; 'harness export' writes such archives")
