"""``run.json``: what a run is, which trials are planned, and how it came about; with a checksum over all of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from harness.datasets.info import DatasetInfo
from harness.datasets.splits import SETS
from harness.errors import HarnessError, one_line, printable, shown
from harness.machine.files import LARGEST_TEXT, checksum, encoded_json, not_json, read_regular, write_bytes
from harness.machine.room import is_full
from harness.store.absent import no_run
from harness.store.stored import FORMAT, READ
from harness.suite import Suite
from harness.suite.expectations import claims, figures

T = TypeVar("T")
NAME = "run.json"
OWN = ("format", "checksum", "suite", "dataset", "planned", "components")
"""What it has of the run itself; all else says how the run came about."""
SEVERAL = "datasets.json"
"""What a directory has instead that holds a run of each of several datasets."""
_SHOWN = 200
"""Characters of what is wrong with a header."""


class Header(NamedTuple):
    """What ``run.json`` says; ``notes``: how the run came about."""

    suite: Suite
    dataset: DatasetInfo
    planned: list[tuple[str, int]]
    components: dict[str, str]
    """Each plugin that the last command's trials and tests take, ``"optimizer adam"`` -> ``"nn-harness 0.1.0"``."""
    notes: dict[str, Any]


_SUITE = TypeAdapter(Suite)
_DATASET = TypeAdapter(DatasetInfo)
_COMPONENTS = TypeAdapter(dict[str, str])
_PLANNED = TypeAdapter(list[tuple[str, Annotated[int, Field(ge=0, lt=2**63)]]])


def unwritable(place: Path, error: OSError) -> HarnessError:
    """Return the error of a directory that cannot be written to."""
    if is_full(error):
        return HarnessError(f"{place}: the disk is full. Free some space: the same command resumes")
    return HarnessError(f"{place}: cannot be written to: {error.strerror}. Name another directory with --out")


def read_header(directory: Path) -> Header:
    """Return what a run directory's ``run.json`` says; one that an earlier version wrote has no checksum.

    Raises:
        HarnessError: there is none, it is damaged, or of another format.
    """
    path = directory / NAME
    try:
        return _parsed(path, read_regular(path, most=LARGEST_TEXT))
    except (FileNotFoundError, NotADirectoryError):
        if (directory / SEVERAL).exists():
            msg = (
                f"{directory}: holds a run of each of several datasets, and one is needed here. Name one of its folders"
            )
            raise HarnessError(msg) from None
        raise no_run(directory) from None
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}. Restore it, or start anew with 'harness run SUITE --fresh'"
        raise HarnessError(msg) from None


def write_header(directory: Path, header: Header) -> None:
    """Write ``run.json``, if it is one that `read_header` reads.

    Raises:
        HarnessError: it is not, or the directory cannot be written to.
    """
    path = directory / NAME
    content = {
        "suite": header.suite.model_dump(mode="json"),
        "dataset": asdict(header.dataset),
        "planned": header.planned,
        "components": header.components,
        **header.notes,
    }
    content = json.loads(json.dumps(content))  # as it is read: the checksum is of that
    encoded = encoded_json({"format": FORMAT, "checksum": checksum(content), **content})
    _parsed(path, encoded)
    try:
        write_bytes(path, encoded)
    except OSError as error:
        raise unwritable(directory, error) from None


def _parsed(path: Path, encoded: bytes) -> Header:
    try:
        content = json.loads(encoded)
    except (ValueError, RecursionError) as error:
        why = not_json(error) if isinstance(error, json.JSONDecodeError) else one_line(error, _SHOWN)
        msg = f"{path}: cannot be read: {why}. Restore it, or start anew with 'harness run SUITE --fresh'"
        raise HarnessError(msg) from None
    form = content.get("format") if isinstance(content, dict) else None
    if not isinstance(content, dict) or form not in READ or not isinstance(form, int):
        known = " and ".join(map(str, READ))
        msg = f"{path}: format {shown(form)}; this harness reads formats {known}. Use the version that wrote it"
        raise HarnessError(msg)
    try:
        _check(content)
        suite = _valid(_SUITE, content, "suite")
        planned = _valid(_PLANNED, content, "planned")
        _check_planned(suite, planned)
        _check_expectations(suite)
        dataset = _valid(_DATASET, content, "dataset")
        _check_sizes(dataset)
        components = _valid(_COMPONENTS, {"components": {}} | content, "components")  # an earlier version had none
    except _DamagedError as error:
        msg = f"{path}: damaged: {error}. Restore it, or start anew with 'harness run SUITE --fresh'"
        raise HarnessError(msg) from None
    return Header(suite, dataset, planned, components, {key: value for key, value in content.items() if key not in OWN})


class _DamagedError(Exception):
    """What is wrong with a header, in words."""


def _check(content: Mapping[str, Any]) -> None:
    covered = {key: value for key, value in content.items() if key not in {"format", "checksum"}}
    if "checksum" in content and content["checksum"] != checksum(covered):
        msg = "its checksum does not match its content"
        raise _DamagedError(msg)


def _valid(adapter: TypeAdapter[T], content: Mapping[str, Any], key: str) -> T:
    if key not in content:
        msg = f"{key!r} is missing"
        raise _DamagedError(msg)
    try:
        # As JSON: what is a list there may be a tuple here, and nothing else is converted.
        return adapter.validate_json(json.dumps(content[key]), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, [key, *first["loc"]]))
        raise _DamagedError(printable(f"{place}: {first['msg']}, not {shown(first['input'])}", _SHOWN)) from None


def _check_sizes(dataset: DatasetInfo) -> None:
    if missing := [name for name in SETS if name not in dataset.sizes]:
        msg = f"dataset.sizes: {missing[0]!r} is missing"
        raise _DamagedError(msg)


def _check_expectations(suite: Suite) -> None:
    try:
        for _ in (*figures(suite), *claims(suite)):
            pass
    except (ValueError, TypeError, LookupError) as error:
        msg = f"suite.expect: {one_line(error, _SHOWN)}"
        raise _DamagedError(msg) from None


def _check_planned(suite: Suite, planned: list[tuple[str, int]]) -> None:
    if strangers := [name for name, _ in planned if name not in suite.experiments]:
        msg = f"planned: a trial of the unknown experiment {shown(strangers[0])}"
        raise _DamagedError(msg)
    if len(set(planned)) < len(planned):
        msg = "planned: a trial that is there twice"
        raise _DamagedError(msg)
