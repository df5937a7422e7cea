"""The progress of a download, as records of a logger; the command line shows them."""

import logging
from dataclasses import dataclass
from typing import Self

LOG = logging.getLogger(__name__)
"""News, as ``info``, and as ``debug`` how far a download is: those records have it as ``transfer``."""


@dataclass(frozen=True)
class Transfer:
    """How far a download is: ``done`` bytes of ``total``, which is None until the other side says it."""

    what: str
    done: int
    total: int | None
    over: bool


class Transferring:
    """A download, from the start of its ``with`` block to the end: announces how far it is."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> Self:
        """Announce that it begins."""
        self.announce(0, None)
        return self

    def __exit__(self, *_: object) -> None:
        """Announce that it is over, well or not."""
        self.announce(0, None, over=True)

    def announce(self, done: int, total: int | None, *, over: bool = False) -> None:
        """Announce that ``done`` bytes are here, of ``total`` where that is known."""
        transfer = Transfer(self._what, done, total, over)
        LOG.debug("%s: %s of %s bytes", self._what, done, total, extra={"transfer": transfer})
