"""The most anonymous memory that a process holds while something runs."""

import threading
from types import TracebackType
from typing import Self

from harness.machine.host import anonymous_bytes

SECONDS = 0.002
"""Between two looks."""


class PeakMemory:
    """Looks at this process's anonymous memory from a thread, for as long as its ``with`` block lasts.

    Each look takes the interpreter for a moment (30 to 60 µs, every 2 ms). So runs that are compared do not belong into
    the block. A start-up does, because its memory counts: it takes up to 3 % longer.
    """

    def __init__(self) -> None:
        self.bytes: int | None = anonymous_bytes()
        """The most so far; None where the system does not report it."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while self.bytes is not None and not self._ended.wait(SECONDS):
            self._look()

    def _look(self) -> None:
        found = anonymous_bytes()
        if found is not None:
            self.bytes = max(found, self.bytes or 0)
