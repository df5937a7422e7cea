"""How many columns the text of a stream may take."""

from __future__ import annotations

import os
from typing import TextIO

_TERMINAL = 80
"""Of a terminal that does not know its size."""
_DIGITS = 6


def columns_of(stream: TextIO | None) -> int | None:
    """Return how many columns text on a stream may take; None where nothing limits it: a file without ``COLUMNS``.

    ``COLUMNS`` comes first, also on a terminal: POSIX has it for the width that a user prefers, and Python and rich
    obey it so. A value that is not a whole number above 0 is ignored, as they do.
    """
    if chosen := _chosen(os.environ.get("COLUMNS", "")):
        return chosen
    if stream is None or not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or _TERMINAL
    except (OSError, ValueError):
        return _TERMINAL


def _chosen(text: str) -> int:
    """Return a value of ``COLUMNS``, 0 if it is none.

    >>> _chosen("120"), _chosen("0"), _chosen("-5"), _chosen("8e1"), _chosen("")
    (120, 0, 0, 0, 0)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0
