"""A trial's log: what it prints, within a limit, so that an endless print fills no disk and stops no reader."""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

LIMIT = 10_000_000
"""Bytes of a task that are kept from its beginning on."""
TAIL = 100_000
"""Bytes that are kept of its end, where its traceback is."""


class Log(io.FileIO):
    """A file that takes what it can: a full disk must not fail a trial that prints.

    After `LIMIT` bytes it keeps the last `TAIL` in memory, and writes them when it is closed.
    """

    def __init__(self, path: Path | str, mode: str = "a") -> None:
        super().__init__(path, mode)
        self._room = LIMIT
        self._tail = b""
        self._beyond = 0

    def write(self, content: Any) -> int:
        """Write, or do not."""
        given = bytes(content)
        kept, rest = given[: self._room], given[self._room :]
        self._room -= len(kept)
        self._put(kept)
        if rest:
            if not self._beyond:
                self._put(f"\n[{LIMIT:,} bytes: of what follows the last {TAIL:,} are kept]\n".encode())
            self._beyond += len(rest)
            self._tail = (self._tail + rest[-TAIL:])[-TAIL:]
        return len(given)

    def close(self) -> None:
        """Write the end of what was too much, and close."""
        if self._tail and not self.closed:
            self._put(_left_out(self._beyond - len(self._tail)) + self._tail)
            self._tail = b""
        super().close()

    def _put(self, content: bytes) -> None:
        with suppress(OSError):
            super().write(content)


def limit(path: Path | None) -> None:
    """Cut the middle out of a log that became too large past `Log`: by the output of C code, or by many attempts."""
    with suppress(OSError):
        if path is None or path.stat().st_size <= 2 * LIMIT:
            return
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(size - TAIL)
            tail = file.read(TAIL)
            file.truncate(LIMIT)
            file.seek(LIMIT)
            file.write(_left_out(size - LIMIT - TAIL) + tail)


def _left_out(count: int) -> bytes:
    return f"\n[{count:,} bytes are left out here]\n".encode()
