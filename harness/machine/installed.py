"""What is installed: of several distributions of one name, the one whose files an import finds."""

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
"""How the folders begin that an interrupted pip leaves: it moves what it removes to such a name first."""


@dataclass(frozen=True)
class Survey:
    """The entry points of a group, and what looks like a distribution and is not one."""

    points: tuple[EntryPoint, ...]
    left_over: tuple[Path, ...]
    """Folders of metadata that do not describe what is imported."""
    unreadable: tuple[tuple[str, str], ...]
    """Metadata that mentions the group and cannot be read: its path, and why."""


def survey(group: str) -> Survey:
    """Return what is installed for a group of entry points."""
    found: dict[str, list[Distribution]] = {}
    left_over: list[Path] = []
    unreadable: list[tuple[str, str]] = []
    seen: set[str] = set()
    for one in distributions():
        place = _place(one)
        if place is not None:
            # Two entries of sys.path may be one folder.
            real = os.path.realpath(place)
            if real in seen:
                continue
            seen.add(real)
            if place.name.startswith(_ASIDE):
                if _mentions(one, group):
                    left_over.append(place)
                continue
        try:
            if not any(point.group == group for point in one.entry_points):
                continue
            name = normalised(one.metadata["Name"])
            _ = one.version
        except Exception as error:  # noqa: BLE001 - metadata that is damaged may fail in any way
            if _mentions(one, group):
                unreadable.append((str(place), f"{type(error).__name__}: {error}"))
            continue
        found.setdefault(name, []).append(one)
    points: list[EntryPoint] = []
    for candidates in found.values():
        chosen = imported(candidates)
        points += [point for point in chosen.entry_points if point.group == group]
        left_over += [place for one in candidates if one is not chosen and (place := _place(one))]
    return Survey(tuple(points), tuple(sorted(left_over)), tuple(sorted(unreadable)))


@cache
def find(name: str) -> Distribution:
    """Return the distribution of a name that is imported.

    Raises:
        PackageNotFoundError: none is installed.
    """
    candidates = [one for one in distributions(name=name) if _place(one) is None or _whole(one)]
    if not candidates:
        raise PackageNotFoundError(name)
    return imported(candidates)


def version(name: str) -> str:
    """Return the version of the distribution of a name that is imported.

    Raises:
        PackageNotFoundError: none is installed.
    """
    return find(name).version


def imported(candidates: list[Distribution]) -> Distribution:
    """Return the distribution, of several of one name, whose files an import finds.

    That is the one that has installed them, and that has them as they are; where that is no difference, the one that an
    installer recorded, then the one that was written last.
    """
    return candidates[0] if len(candidates) == 1 else max(candidates, key=_evidence)


def normalised(name: str) -> str:
    """Return a distribution's name as it is compared.

    >>> normalised("NN_Harness")
    'nn-harness'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def editable_folder(one: Distribution) -> Path | None:
    """Return the checkout that a distribution is an editable install of; None where it is not."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        told = json.loads(one.read_text("direct_url.json") or "null")
        editable = told["dir_info"].get("editable", False)
        url = urlsplit(told["url"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Path(url2pathname(url.path)) if editable and url.scheme == "file" else None


def root_spec(name: str) -> ModuleSpec | None:
    """Return where a top-level module is found; None where it is not. Nothing is imported."""
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _evidence(one: Distribution) -> tuple[int, int, bool, float]:
    origins = {Path(os.path.realpath(origin)) for origin in _origins(one)}
    recorded = {Path(os.path.realpath(str(file.locate()))): file for file in one.files or ()}
    folder = editable_folder(one)
    base = Path(os.path.realpath(str(folder or one.locate_file(""))))
    # A folder of metadata that records no files, as an egg-info, speaks of what lies beside it.
    beside = folder is not None or not (origins & recorded.keys())
    owned = sum(origin in recorded or (beside and base in origin.parents) for origin in origins)
    same = sum(origin in recorded and matches(origin, recorded[origin].hash) for origin in origins)
    place = _place(one)
    written = place.stat().st_mtime if place and place.exists() else 0.0
    return owned, same, one.read_text("RECORD") is not None, written


def matches(path: Path, recorded: Any) -> bool:
    """Whether a file has the hash that a RECORD has of it (`importlib.metadata.FileHash`)."""
    from base64 import urlsafe_b64encode
    from hashlib import new

    try:
        digest = new(recorded.mode, path.read_bytes()).digest()
    except (OSError, ValueError, AttributeError):
        return False
    return bool(urlsafe_b64encode(digest).rstrip(b"=").decode() == recorded.value)


def _origins(one: Distribution) -> list[str]:
    """Return the files that an import of what a distribution offers begins with."""
    roots = {point.value.partition(":")[0].partition(".")[0].strip() for point in one.entry_points}
    roots |= {file.parts[0] for file in one.files or () if len(file.parts) == 2 and file.name == "__init__.py"}
    specs = [root_spec(root) for root in sorted(roots)]
    return [spec.origin for spec in specs if spec and spec.origin]


def _whole(one: Distribution) -> bool:
    try:
        return bool(one.metadata["Name"] and one.version)
    except Exception:  # noqa: BLE001 - metadata that is damaged may fail in any way
        return False


def _mentions(one: Distribution, group: str) -> bool:
    try:
        return f"[{group}]" in (one.read_text("entry_points.txt") or "")
    except (OSError, ValueError):
        return False


def _place(one: Distribution) -> Path | None:
    """Return the folder of a distribution's metadata, where it is one of a file system."""
    place = getattr(one, "_path", None)
    return place if isinstance(place, Path) else None
