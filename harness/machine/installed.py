"""Installed distributions; of several with the same name, the one whose files an import finds."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_ASIDE = "~"
"""The prefix of folders that an interrupted pip leaves: it renames what it removes first."""


@dataclass(frozen=True)
class Survey:
    """The entry points of a group, and the metadata that belongs to no distribution."""

    points: tuple[EntryPoint, ...]
    left_over: tuple[Path, ...]
    """Folders of metadata that do not describe what is imported."""
    unreadable: tuple[tuple[str, str], ...]
    """Metadata that mentions the group and cannot be read: its path, and why."""


def survey(group: str) -> Survey:
    """Return what is installed for a group of entry points."""
    by_name: dict[str, list[Distribution]] = {}
    left_over: list[Path] = []
    unreadable: list[tuple[str, str]] = []
    seen: set[str] = set()
    for distribution in distributions():
        place = _place(distribution)
        if place is not None:
            # Two entries of sys.path may be one folder.
            real = os.path.realpath(place)
            if real in seen:
                continue
            seen.add(real)
            if place.name.startswith(_ASIDE):
                if _mentions(distribution, group):
                    left_over.append(place)
                continue
        try:
            if not any(point.group == group for point in distribution.entry_points):
                continue
            name = normalised(distribution.metadata["Name"])
            _ = distribution.version
        except Exception as error:  # noqa: BLE001 - metadata that is damaged may fail in any way
            if _mentions(distribution, group):
                unreadable.append((str(place), f"{type(error).__name__}: {error}"))
            continue
        by_name.setdefault(name, []).append(distribution)
    points: list[EntryPoint] = []
    for candidates in by_name.values():
        chosen = imported(candidates)
        points += [point for point in chosen.entry_points if point.group == group]
        left_over += [place for other in candidates if other is not chosen and (place := _place(other))]
    return Survey(tuple(points), tuple(sorted(left_over)), tuple(sorted(unreadable)))


@cache
def find(name: str) -> Distribution:
    """Return the distribution of a name whose files an import finds.

    Raises:
        PackageNotFoundError: none is installed.
    """
    candidates = [
        distribution
        for distribution in distributions(name=name)
        if _place(distribution) is None or _whole(distribution)
    ]
    if not candidates:
        raise PackageNotFoundError(name)
    return imported(candidates)


def version(name: str) -> str:
    """Return the version of the distribution of a name whose files an import finds.

    Raises:
        PackageNotFoundError: none is installed.
    """
    return find(name).version


def imported(candidates: list[Distribution]) -> Distribution:
    """Return the distribution, of several with the same name, whose files an import finds.

    That is the one that installed the most of them unchanged; of equals, one that an installer recorded, then the
    latest.
    """
    return candidates[0] if len(candidates) == 1 else max(candidates, key=_evidence)


def normalised(name: str) -> str:
    """Return a distribution's name in the form that names are compared in.

    >>> normalised("NN_Harness")
    'nn-harness'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def editable_folder(distribution: Distribution) -> Path | None:
    """Return the checkout that a distribution is an editable install of; None where it is not."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "null")
        editable = origin["dir_info"].get("editable", False)
        url = urlsplit(origin["url"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Path(url2pathname(url.path)) if editable and url.scheme == "file" else None


def root_spec(name: str) -> ModuleSpec | None:
    """Return the specification of a top-level module without importing it; None if it is not found."""
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _evidence(distribution: Distribution) -> tuple[int, int, bool, float]:
    origins = {Path(os.path.realpath(origin)) for origin in _origins(distribution)}
    recorded = {Path(os.path.realpath(str(file.locate()))): file for file in distribution.files or ()}
    folder = editable_folder(distribution)
    base = Path(os.path.realpath(str(folder or distribution.locate_file(""))))
    # Metadata without a record of files, such as an egg-info, describes the files beside it.
    beside = folder is not None or not (origins & recorded.keys())
    owned = sum(origin in recorded or (beside and base in origin.parents) for origin in origins)
    same = sum(origin in recorded and matches(origin, recorded[origin].hash) for origin in origins)
    place = _place(distribution)
    written = place.stat().st_mtime if place and place.exists() else 0.0
    return owned, same, distribution.read_text("RECORD") is not None, written


def matches(path: Path, recorded: Any) -> bool:
    """Return whether a file has the hash of a RECORD (`importlib.metadata.FileHash`)."""
    from base64 import urlsafe_b64encode
    from hashlib import new

    try:
        digest = new(recorded.mode, path.read_bytes()).digest()
    except (OSError, ValueError, AttributeError):
        return False
    return bool(urlsafe_b64encode(digest).rstrip(b"=").decode() == recorded.value)


def _origins(distribution: Distribution) -> list[str]:
    """Return the files that imports of a distribution's entry points and packages begin with."""
    roots = {point.value.partition(":")[0].partition(".")[0].strip() for point in distribution.entry_points}
    roots |= {file.parts[0] for file in distribution.files or () if len(file.parts) == 2 and file.name == "__init__.py"}
    specs = [root_spec(root) for root in sorted(roots)]
    return [spec.origin for spec in specs if spec and spec.origin]


def _whole(distribution: Distribution) -> bool:
    try:
        return bool(distribution.metadata["Name"] and distribution.version)
    except Exception:  # noqa: BLE001 - metadata that is damaged may fail in any way
        return False


def _mentions(distribution: Distribution, group: str) -> bool:
    try:
        return f"[{group}]" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, ValueError):
        return False


def _place(distribution: Distribution) -> Path | None:
    """Return the folder of a distribution's metadata; None if it is not in a file system."""
    place = getattr(distribution, "_path", None)
    return place if isinstance(place, Path) else None
