"""Text in cells, for so many columns of a terminal: no line is wrapped, and nothing is cut off without a sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

_LEAST = 16
"""A text is not shortened below this."""


@dataclass(frozen=True)
class Cells:
    """A table of text. ``minor``: the columns to leave out first, the least important one first."""

    headings: list[str]
    lines: list[list[str]]
    right: list[bool]
    """Whether a column's texts are set to the right, as numbers are: those are never shortened."""
    minor: tuple[int, ...] = ()

    @property
    def widths(self) -> list[int]:
        """The room that each column takes."""
        return [max(map(len, column)) for column in zip(self.headings, *self.lines, strict=True)]

    @property
    def least(self) -> list[int]:
        """The room that each column takes with its texts shortened as far as they may be."""
        return [
            width if right else min(width, max(_LEAST, len(heading)))
            for width, right, heading in zip(self.widths, self.right, self.headings, strict=True)
        ]

    def only(self, chosen: Sequence[int]) -> Cells:
        """Return some of the columns."""
        return Cells(
            [self.headings[index] for index in chosen],
            [[line[index] for index in chosen] for line in self.lines],
            [self.right[index] for index in chosen],
        )


@dataclass(frozen=True)
class Frame:
    """What a style draws around cells: so much for each column, and so much for the whole."""

    column: int
    whole: int

    def width(self, widths: Sequence[int]) -> int:
        """Return the room that columns of these widths take."""
        return sum(widths) + self.column * len(widths) + self.whole


def fit(cells: Cells, frame: Frame, room: int | None) -> tuple[list[Cells], list[str]]:
    """Return a table in parts that each fit into the room, to stand below one another, and what was left out.

    Texts are shortened, then minor columns are left out. Where that does not do, the table goes on below, behind its
    first column again, and nothing is left out. ``room``: None has no end.
    """
    if room is None or frame.width(cells.widths) <= room:
        return [cells], []
    kept = list(range(len(cells.headings)))
    for index in (None, *cells.minor):
        kept = [one for one in kept if one != index]
        shortened = _shortened(cells.only(kept), frame, room)
        if frame.width(shortened.widths) <= room:
            return [shortened], [cells.headings[one] for one in range(len(cells.headings)) if one not in kept]
    return [_shortened(part, frame, room) for part in _parts(cells, frame, room)], []


def _shortened(cells: Cells, frame: Frame, room: int) -> Cells:
    """Return the table with its longest texts cut as far as it needs, and as they may be."""
    widths, floors = cells.widths, cells.least
    while (over := frame.width(widths) - room) > 0:
        longest = max(range(len(widths)), key=lambda index: widths[index] - floors[index])
        if widths[longest] == floors[longest]:
            break
        widths[longest] = max(floors[longest], widths[longest] - over)
    return replace(
        cells, lines=[[_cut(text, width) for text, width in zip(line, widths, strict=True)] for line in cells.lines]
    )


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _parts(cells: Cells, frame: Frame, room: int) -> list[Cells]:
    widths = cells.least
    parts, part = [], [0]
    for index in range(1, len(widths)):
        if len(part) > 1 and frame.width([widths[one] for one in [*part, index]]) > room:
            parts.append(part)
            part = [0]
        part.append(index)
    return [cells.only(one) for one in [*parts, part]]
