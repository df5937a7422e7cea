"""Digests of plugins' sources, for those whose distribution's version does not identify them."""

from __future__ import annotations

import csv
import os
from functools import partial
from hashlib import sha256
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.machine.files import digest_of
from harness.machine.installed import editable_folder, matches, root_spec

if TYPE_CHECKING:
    from importlib.metadata import Distribution

OWN_PACKAGE = "harness"
"""It holds more than plugins, so each module one level below it counts as an import root."""
_DIGITS = 12
"""The number of hexadecimal digits of a digest."""
_SUFFIXES = tuple(all_suffixes())


def changed_source(offering: str, holding: str, installed: Distribution | None) -> str | None:
    """Return a digest of the Python files and extension modules of a component's import roots.

    The import roots are those of the module of its entry point, ``offering``, and of the module that defines it,
    ``holding``, if that is part of the same distribution. None if the files are as its distribution, ``installed``,
    recorded them, because then its version identifies them. An editable install, or one without a record, always has a
    digest. The content is read; times of change are not trusted.
    """
    files = source_files(offering)
    defining = source_files(holding)
    if not files or _belong(defining, installed):
        files |= defining
    if not files or (installed is not None and _as_recorded(files, installed)):
        return None
    hasher = sha256()
    for name, path in sorted(files.items()):
        hasher.update(f"{name}\0{digest_of(path)}\n".encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()[:_DIGITS]


def module_of(target: Any) -> str:
    """Return the module that a factory, or ``"module:attribute"``, comes from; empty if it is unknown."""
    if isinstance(target, str):
        return target.partition(":")[0]
    while isinstance(target, partial):
        target = target.func
    named = target if hasattr(target, "__module__") else type(target)
    return str(getattr(named, "__module__", "") or "")


def source_files(module: str) -> dict[str, Path]:
    """Return the files of a module's import root, by names that do not depend on the place of installation."""
    return dict(_files(_root(module))) if module else {}


def _root(module: str) -> str:
    """Return the import root of a module: the outermost package with code, or the module itself."""
    parts = module.split(".")
    depth = 2 if parts[0] == OWN_PACKAGE else 1
    while depth < len(parts) and _is_namespace(".".join(parts[:depth])):
        depth += 1
    return ".".join(parts[:depth])


def _is_namespace(name: str) -> bool:
    spec = root_spec(name)
    return spec is not None and spec.origin is None and spec.submodule_search_locations is not None


def _files(root: str) -> list[tuple[str, Path]]:
    spec = root_spec(root)
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        path = _existing(Path(spec.origin)) if spec.has_location and spec.origin else None
        return [(f"{root}/{path.name}", path)] if path else []
    files = []
    for location in spec.submodule_search_locations:
        folder = Path(location)
        if not folder.is_dir():
            archive = _existing(folder)
            files += [(f"{root}/{archive.name}", archive)] if archive else []
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in names:
                path = Path(parent, name)
                if name.endswith(_SUFFIXES) and path.is_file():
                    files.append((f"{root}/{path.relative_to(folder).as_posix()}", path))
    return files


def _existing(path: Path) -> Path | None:
    """Return a file, or the archive that contains it."""
    return next((place for place in (path, *path.parents) if place.is_file()), None)


def _belong(files: dict[str, Path], installed: Distribution | None) -> bool:
    """Return whether files are part of a distribution, and not of a library that it uses."""
    if installed is None:
        return False
    folder = editable_folder(installed)
    if folder is not None:
        paths = [Path(os.path.realpath(path)) for path in files.values()]
        base = Path(os.path.realpath(folder))
        # An environment may lie within the checkout.
        return any(base in path.parents and "site-packages" not in path.relative_to(base).parts for path in paths)
    recorded = {os.path.realpath(str(file.locate())) for file in installed.files or ()}
    return any(os.path.realpath(path) in recorded for path in files.values())


def _as_recorded(files: dict[str, Path], installed: Distribution) -> bool:
    """Return whether the distribution installed each file, all are unchanged, and none of its sources is missing."""
    if editable_folder(installed) is not None:
        return False
    recorded = {os.path.realpath(str(file.locate())): file.hash for file in installed.files or ()}
    present = {os.path.realpath(path) for path in files.values()}
    if not all(path in recorded and matches(Path(path), recorded[path]) for path in present):
        return False
    # Python 3.12 and later leave missing files out of `Distribution.files`.
    names = [line[0] for line in csv.reader((installed.read_text("RECORD") or "").splitlines()) if line]
    sources = [name for name in names if name.endswith(_SUFFIXES) and "__pycache__" not in name]
    return all(Path(str(installed.locate_file(name))).exists() for name in sources)
