"""Shows downloads: messages as lines, and progress as a bar where standard error is a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.datasets.downloads import LOG
from harness.errors import escaped
from harness.machine.handlers import handled

if TYPE_CHECKING:
    from rich.progress import Progress

    from harness.datasets.downloads import Transfer


@contextmanager
def shown_transfers() -> Iterator[None]:
    """Show downloads within the block, on standard error."""
    with handled(LOG, _Shown(), logging.DEBUG):
        yield


class _Shown(logging.Handler):
    """Draws one bar at a time, as a process downloads one file after another."""

    _bar: Progress | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        transfer: Transfer | None = getattr(record, "transfer", None)
        if transfer is None:
            sys.stderr.write(f"{escaped(record.getMessage())}\n")
            sys.stderr.flush()
        elif transfer.over:
            if self._bar:
                self._bar.stop()
            self._bar = None
        elif self._bar is None:
            self._bar = _begun(transfer.what)
        else:
            self._bar.update(self._bar.task_ids[0], completed=transfer.done, total=transfer.total)


def _begun(what: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.add_task(what, total=None)
    bar.start()
    return bar
