"""A third party's plugin that is new, or has changed, is loaded first in a process of its own, with a time limit.

What an import may do to the process that imports it, no ``except`` in that process mends: it ends it, or never returns.
The outcome is remembered in the cache by what the distribution is, so that it costs a look at its files afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.machine.cache import cache_root
from harness.machine.files import checksum, write_json
from harness.plugins.foreign import LIMIT, patience
from harness.plugins.sources import source_files

if TYPE_CHECKING:
    from subprocess import Popen

_PROGRAM = """
import json
import sys
sys.path[:] = json.loads(sys.stdin.readline())
from harness.plugins.loading import rehearse
rehearse(**json.loads(sys.stdin.readline()))
"""
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
        told: Any = json.loads(record.read_bytes())["outcome"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) else None


def _tried(point: EntryPoint) -> str:
    """Load a plugin in a process of its own; return how that ended badly, or nothing.

    Raises:
        OSError: no process can be started, or there is no temporary folder.
    """
    import subprocess
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile(prefix="harness-", suffix=".txt") as progress:
        about = {"name": point.name, "value": point.value, "progress": progress.name}
        told = "\n".join(map(json.dumps, (sys.path, about))) + "\n"
        limit = patience()
        # -P: nothing in the current folder stands in for a module.
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            if process.stdin:
                with suppress(BrokenPipeError), process.stdin as pipe:
                    pipe.write(told.encode(errors="surrogatepass"))
            how = _ending(process.wait(limit))
        except subprocess.TimeoutExpired:
            how = f"took longer than {limit:g} s ({LIMIT})"
        finally:
            _end(process)
        said = Path(progress.name).read_text(encoding="utf-8", errors="replace").splitlines()
    if said and said[-1] == LAST:
        return ""
    return f"{said[-1] if said else 'its import'} {how}. 'harness plugins' tries it again"


def _ending(code: int) -> str:
    return f"ended the process, signal {-code}" if code < 0 else f"ended the process, exit code {code}"


def _end(process: Popen[bytes]) -> None:
    """End a process that still runs, with those that it has started."""
    if process.poll() is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()
