"""What was measured once on a machine, kept in a file of the cache; machines may share the file."""

import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.machine.cache import cache_root
from harness.machine.files import read_json, write_json
from harness.machine.host import host
from harness.machine.installed import version

_MOST = 1 << 20
"""The most bytes of such a file that are read; the entries of a thousand machines have a fifth of that."""


def machine_with(library: str) -> str:
    """Return what a measurement of a library's speed depends on: the processor, and the version of the library."""
    return f"{host()['processor']} ({platform.machine()}), {library} {version(library)}"


def recall(file: str, machine: str) -> Any:
    """Return this machine's entry in a file of the cache, None if there is none or the file cannot be read."""
    return _read(cache_root() / file).get(machine)


def keep(file: str, machine: str, entry: Any) -> None:
    """Store an entry beside those of other machines; where the cache cannot be written to, nothing is stored."""
    path = cache_root() / file
    with suppress(OSError):  # the next call measures again
        write_json(path, _read(path) | {machine: entry})


def _read(path: Path) -> dict[str, Any]:
    try:
        entries = read_json(path, most=_MOST)
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}
