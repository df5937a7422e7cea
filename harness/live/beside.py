"""Shows the downloads of a call beside its run."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from harness.datasets.downloads import LOG
from harness.live.lines import Quiet
from harness.live.notebook import Notebook
from harness.live.transfers import shown_transfers
from harness.machine.handlers import handled
from harness.text import megabytes

if TYPE_CHECKING:
    from harness.datasets.downloads import Transfer


def shown_beside(display: Quiet) -> AbstractContextManager[None]:
    """Show downloads within the block as a display shows its run: in its notebook, on standard error, or not at all."""
    if isinstance(display, Notebook):
        return handled(LOG, _Noted(display), logging.DEBUG)
    return nullcontext() if type(display) is Quiet else shown_transfers()


class _Noted(logging.Handler):
    """Draws messages and progress in a notebook's display."""

    def __init__(self, notebook: Notebook) -> None:
        super().__init__()
        self._notebook = notebook

    def emit(self, record: logging.LogRecord) -> None:
        """Draw a record."""
        transfer: Transfer | None = getattr(record, "transfer", None)
        if transfer is None:
            self._notebook.note(record.getMessage())
        elif not transfer.over:
            total = f" of {megabytes(transfer.total)}" if transfer.total else ""
            self._notebook.note(f"{transfer.what}: {megabytes(transfer.done)}{total}", now=False)
