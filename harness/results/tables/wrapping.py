"""Text in lines that a terminal has room for, broken between words.

Widths are in a terminal's columns: a Chinese character takes two, an accent that joins its letter none.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, chop_cells


def wrapped(text: str, room: int | None, *, hanging: int = 0) -> str:
    """Return text in lines of at most ``room`` columns; only a word that is longer is divided.

    ``hanging``: by how many columns the lines behind the first are indented.

    >>> print(wrapped("M1.val_loss < M2.val_loss", 16, hanging=2))
    M1.val_loss <
      M2.val_loss
    """
    if room is None or cell_len(text) <= room:
        return text
    indent = " " * min(hanging, room - 1)
    lines: list[str] = []
    line = ""
    for word in text.split():
        for part in chop_cells(word, room - len(indent)):
            longer = f"{line} {part}" if line.strip() else line + part
            if cell_len(longer) > room:
                lines.append(line)
                longer = indent + part
            line = longer
    return "\n".join([*lines, line])


def narrowest(texts: Iterable[str], lines: int, *, least: int, hanging: int = 0) -> int:
    """Return the least width, from ``least`` on, at which each text takes at most ``lines`` lines, no word divided.

    >>> narrowest(["no: torch is not installed", "yes"], 2, least=4)
    13
    """
    width = least
    for text in dict.fromkeys(texts):
        while not _has_room(text, lines, width, hanging):
            width += 1
    return width


def _has_room(text: str, lines: int, width: int, hanging: int) -> bool:
    if cell_len(text) <= width:
        return True
    if cell_len(text) > width * lines or max(map(cell_len, text.split()), default=0) > width - hanging:
        return False
    return wrapped(text, width, hanging=hanging).count("\n") < lines
