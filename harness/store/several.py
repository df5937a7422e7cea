"""A directory that holds a run of each of several datasets, and ``datasets.json``: which they are, in which order.

::

    datasets.json    format, suite, datasets: label, name, folder, and why one could not be used
    <label>/         a run directory
    report.html      where `harness report` was called
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from harness.errors import HarnessError, as_typed, nearest, printable
from harness.machine.files import LARGEST_TEXT, checksum, encoded_json, is_temporary, read_regular, write_bytes
from harness.machine.paths import status_of
from harness.store.debris import clear_temporary, strangers
from harness.store.header import NAME, SEVERAL, unwritable
from harness.store.run import Run

_Folder = Annotated[str, Field(pattern=r"^[^./\\][^/\\]*$")]
_AGAIN = "Restore it, or the same 'harness run' writes it again once it is removed"


@dataclass(frozen=True)
class Member:
    """One of several datasets. ``reason``: why the last command could not use it; empty where it could."""

    label: str
    name: str
    folder: _Folder
    reason: str = ""


@dataclass(frozen=True)
class Several:
    """What ``datasets.json`` says: the suite's name, and its datasets in its order."""

    suite: str
    datasets: tuple[Member, ...]
    format: Literal[1] = 1


_SEVERAL = TypeAdapter(Several)


def read_several(directory: Path) -> Several | None:
    """Return which datasets a directory holds runs of, None where it has no ``datasets.json``.

    Raises:
        HarnessError: that is damaged, or of another format.
    """
    path = directory / SEVERAL
    try:
        encoded = read_regular(path, most=LARGEST_TEXT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise HarnessError(msg) from None
    return parsed_several(path, encoded)


def parsed_several(path: Path, encoded: bytes) -> Several:
    """Return what the content of a ``datasets.json`` says.

    Raises:
        HarnessError: it is damaged, or of another format.
    """
    try:
        content = json.loads(encoded)
        rest = {key: value for key, value in content.items() if key != "checksum"}
        if content.get("checksum") != checksum(rest):
            msg = f"{path}: damaged: its checksum does not match its content. {_AGAIN}"
            raise HarnessError(msg)
        return _SEVERAL.validate_json(json.dumps(rest), strict=True)
    except ValidationError as error:
        msg = f"{path}: damaged: {printable(error.errors(include_url=False)[0]['msg'], 200)}. {_AGAIN}"
        raise HarnessError(msg) from None
    except (ValueError, AttributeError, RecursionError):
        msg = f"{path}: damaged: it is not the JSON that harness writes. {_AGAIN}"
        raise HarnessError(msg) from None


def write_several(directory: Path, several: Several) -> None:
    """Write ``datasets.json``, and remove what a killed command left of writing it.

    Raises:
        HarnessError: the directory cannot be written to.
    """
    clear_temporary(directory, of={SEVERAL})
    try:
        write_bytes(directory / SEVERAL, encoded_several(several))
    except OSError as error:
        raise unwritable(directory, error) from None


def encoded_several(several: Several) -> bytes:
    """Return the content of ``datasets.json``, which `parsed_several` reads."""
    content = json.loads(json.dumps(asdict(several)))
    return encoded_json({"checksum": checksum(content), **content})


def runs_of(directory: Path, several: Several | None) -> dict[str, Run]:
    """Return the run of each dataset that has one in a directory, by its label; without several datasets its only run.

    That one has an empty label.

    Raises:
        HarnessError: one cannot be read.
    """
    if several is None:
        return {"": Run.open(directory)}
    places = {member.label: directory / member.folder for member in several.datasets}
    return {label: Run.open(place) for label, place in places.items() if status_of(place / NAME)}


def some_runs_of(directory: Path, several: Several | None) -> dict[str, Run]:
    """Return the runs of a directory, one or more, as `runs_of`.

    Raises:
        HarnessError: there is none, or one cannot be read.
    """
    if runs := runs_of(directory, several):
        return runs
    msg = f"{directory}: no dataset has a run yet. 'harness run SUITE' makes one"
    raise HarnessError(msg)


def run_of(directory: Path, dataset: str | None) -> tuple[str, Run]:
    """Return the run of a directory, and the label of its dataset: ``dataset`` where the directory holds several.

    Without several datasets the label is empty.

    Raises:
        HarnessError: the dataset is not named, is not one of them or has no run, or the run cannot be read.
    """
    several = read_several(directory)
    if several is None:
        run = Run.open(directory)
        if dataset not in {None, run.dataset.name}:
            holds = f"{directory} holds the run of one dataset, {run.dataset.name}. Leave --dataset out"
            msg = f"--dataset {as_typed(dataset, 80)}: {holds}"
            raise HarnessError(msg)
        return "", run
    members = {member.label: member for member in several.datasets}
    if dataset is None:
        msg = f"{directory}: holds a run of each of several datasets. Add --dataset NAME: {', '.join(members)}"
        raise HarnessError(msg)
    if dataset not in members:
        msg = f"--dataset {as_typed(dataset, 80)}: {directory} has no such dataset. {nearest(dataset, members)}"
        raise HarnessError(msg)
    place = directory / members[dataset].folder
    if not status_of(place / NAME):
        msg = f"{directory}: dataset {dataset} has no run: {members[dataset].reason or 'not run yet'}"
        raise HarnessError(msg)
    return dataset, Run.open(place)


def check_several(directory: Path, several: Several) -> None:
    """Refuse a directory that holds something else than earlier runs of the same suite.

    Raises:
        HarnessError: it holds another suite's runs, the run of one dataset, or other files.
    """
    if status_of(directory / NAME):
        reason = "holds a run of one dataset, and the suite has several"
    elif earlier := read_several(directory):
        if earlier.suite == several.suite:
            return
        reason = f"holds runs of suite {earlier.suite!r}, not {several.suite!r}"
    else:
        try:
            own = {member.folder for member in several.datasets}
            others = [name for name in strangers(directory) if name not in own and not is_temporary(name, of=SEVERAL)]
        except FileNotFoundError:
            return
        except OSError as error:
            msg = f"{directory}: cannot be looked into: {error.strerror}. Name another directory with --out"
            raise HarnessError(msg) from None
        if not others:
            return
        msg = f"{directory}: holds {others[0]!r}, and no runs. Name an empty or new directory with --out"
        raise HarnessError(msg)
    aside = "'harness run --fresh' keeps what is there aside"
    msg = f"{directory}: {reason}. Name another directory with --out, or {aside}"
    raise HarnessError(msg)
