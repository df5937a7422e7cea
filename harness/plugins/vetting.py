"""A third party's plugin that is new, or has changed, is loaded first in a process of its own, with a time limit.

What an import may do to the process that imports it, no ``except`` in that process mends: it ends it, or never returns.
The outcome is remembered in the cache by what the distribution is, so that it costs a look at its files afterwards.
"""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from harness.machine.cache import cache_root
from harness.machine.files import checksum, write_json
from harness.machine.supervised import Child, how_it_ended
from harness.plugins.foreign import LIMIT, patience
from harness.plugins.sources import source_files

_PROGRAM = "from harness.plugins.loading import rehearse\nrehearse(*{about!a})\n"
LAST = "done"
"""What the process says last."""
VETTED = "HARNESS_PLUGINS_VETTED"
"""The environment variable of a worker, and of a process that measures: the driver has vetted the plugins."""


def refused(points: Iterable[EntryPoint]) -> dict[EntryPoint, str]:
    """Return those entry points that are not to be loaded into this process, and why.

    A worker asks the memory alone: the driver has seen to it. Where no process can be started, or there is no temporary
    folder, nothing is tried.
    """
    found = {}
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
            with suppress(OSError):  # a cache that cannot be written to: it is tried again next time
                write_json(record, {"plugin": _name(point), "outcome": outcome})
        if outcome:
            found[point] = outcome
    return found


def forget() -> None:
    """Forget the plugins that were refused: they are tried again."""
    for record in _folder().glob("*.json"):
        if _remembered(record):
            record.unlink(missing_ok=True)


def _folder() -> Path:
    return cache_root() / "plugins"


def _name(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.name


def _identity(point: EntryPoint) -> str:
    """Return a digest of what an import of a plugin depends on, as far as a look at its files can say."""
    stamps = []
    for name, path in sorted(source_files(point.module).items()):
        with suppress(OSError):
            about = path.stat()
            stamps.append([name, str(path), about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino])
    return checksum([_name(point), point.name, point.value, sys.version, sys.prefix, stamps])


def _remembered(record: Path) -> str | None:
    """Return an outcome, empty where it was well; None where none is known, or the record is damaged."""
    try:
        outcome: Any = json.loads(record.read_bytes())["outcome"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return outcome if isinstance(outcome, str) else None


def _tried(point: EntryPoint) -> str:
    """Load a plugin in a process of its own; return how that ended badly, or nothing.

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
