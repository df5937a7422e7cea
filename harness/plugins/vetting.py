"""Loads new and changed third-party plugins in a separate process first, with a time limit.

An import may end its process or never return, and no ``except`` in that process helps. The cache stores the outcome
with the identity of the distribution, so that a known plugin costs only a look at its files.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from harness.machine.cache import cache_root
from harness.machine.files import checksum, read_json, write_json
from harness.machine.supervised import Child, how_it_ended
from harness.plugins.foreign import LIMIT, patience
from harness.plugins.sources import source_files

_PROGRAM = "from harness.plugins.loading import rehearse\nrehearse(*{about!a})\n"
LAST = "done"
"""The last line of a process that succeeded."""
_RECORD_BYTES = 1 << 16
"""The most that is read of a stored outcome: a name and a sentence."""
VETTED = "HARNESS_PLUGINS_VETTED"
"""The environment variable of workers and of processes that measure, whose driver has vetted the plugins."""


def refused(points: Iterable[EntryPoint]) -> dict[EntryPoint, str]:
    """Return the entry points that this process must not load, and why.

    A worker only reads the stored outcomes, because the driver has vetted the plugins. Where no process can be started,
    or there is no temporary folder, plugins are not vetted.
    """
    reasons = {}
    for point in points:
        record = _folder() / f"{_identity(point)}.json"
        outcome = _remembered(record)
        if outcome is None:
            if VETTED in os.environ:
                continue
            try:
                outcome = _tried(point)
            except OSError:
                continue
            with suppress(OSError):  # without a writable cache, it is vetted again next time
                write_json(record, {"plugin": _name(point), "outcome": outcome})
        if outcome:
            reasons[point] = outcome
    return reasons


def forget() -> None:
    """Forget the refused plugins, so that they are vetted again."""
    for record in _folder().glob("*.json"):
        if _remembered(record):
            record.unlink(missing_ok=True)


def _folder() -> Path:
    return cache_root() / "plugins"


def _name(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.name


def _identity(point: EntryPoint) -> str:
    """Return a digest of what a plugin's import depends on, as far as the metadata of its files shows."""
    stamps = []
    for name, path in sorted(source_files(point.module).items()):
        with suppress(OSError):
            about = path.stat()
            stamps.append([name, str(path), about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino])
    return checksum([_name(point), point.name, point.value, sys.version, sys.prefix, stamps])


def _remembered(record: Path) -> str | None:
    """Return a stored outcome, empty for success; None if there is none, or the record is damaged."""
    try:
        outcome: Any = read_json(record, most=_RECORD_BYTES)["outcome"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return outcome if isinstance(outcome, str) else None


def _tried(point: EntryPoint) -> str:
    """Load a plugin in a separate process; return how that failed, empty if it succeeded.

    Raises:
        OSError: no process can be started, or there is no temporary folder.
    """
    from tempfile import NamedTemporaryFile

    limit = patience()
    with NamedTemporaryFile(prefix="harness-", suffix=".txt") as progress:
        about = (point.name, point.value, progress.name)
        with Child(_PROGRAM.format(about=about), group=True) as child:
            code = child.wait(limit)
        steps = Path(progress.name).read_text(encoding="utf-8", errors="replace").splitlines()
    if steps and steps[-1] == LAST:
        return ""
    how = f"took longer than {limit:g} s ({LIMIT})" if code is None else f"ended the process, {how_it_ended(code)}"
    return f"{steps[-1] if steps else 'its import'} {how}. 'harness plugins' tries it again"
