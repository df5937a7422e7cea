"""Text in cells, fitted to the width of a terminal: no line is wrapped, and nothing is cut off without a sign.

Widths are in a terminal's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from harness.results.tables.eliding import distinct, elided

_LEAST = 16
"""A text is not shortened below this; a name that would then look like another, not below what sets it apart."""
_STEP = 4


@dataclass(frozen=True)
class Cells:
    """A table of text. ``minor``: the columns to leave out first, the least important one first."""

    headings: list[str]
    lines: list[list[str]]
    right: list[bool]
    """Whether a column's texts are set to the right, as numbers are: those are never shortened."""
    minor: tuple[int, ...] = ()
    joined: frozenset[int] = frozenset()
    """The columns that stay beside the one before them."""

    @property
    def widths(self) -> list[int]:
        """The room that each column takes."""
        return [max(map(cell_len, column)) for column in zip(self.headings, *self.lines, strict=True)]

    @property
    def least(self) -> list[int]:
        """The room that each column takes with its texts shortened as far as they may be."""
        return [
            width if right else min(width, max(_LEAST, cell_len(heading)))
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
    """What is drawn around cells: before the first, between two, behind the last; rules above, below headings, below.

    A rule has a ``stroke`` for each column of a cell, and like a line a left end, what divides cells, and a right end.
    """

    left: str
    between: str
    right: str
    rules: tuple[tuple[str, str, str] | None, tuple[str, str, str] | None, tuple[str, str, str] | None]
    stroke: str

    def width(self, widths: Sequence[int]) -> int:
        """Return the room that columns of these widths take."""
        return sum(widths) + len(self.between) * (len(widths) - 1) + len(self.left) + len(self.right)


def fit(cells: Cells, frame: Frame, room: int | None) -> tuple[list[Cells], list[str]]:
    """Return a table in parts that each fit into the room, to stand below one another, and what was left out.

    Texts are shortened (`elided`), then minor columns are left out. Where that does not do, the table goes on below,
    behind its first column again, and nothing is left out. ``room``: None has no end.
    """
    if room is None or frame.width(cells.widths) <= room:
        return [cells], []
    kept = list(range(len(cells.headings)))
    for index in (None, *cells.minor):
        kept = [one for one in kept if one != index]
        chosen = cells.only(kept)
        shortened = _shortened(chosen, frame, room, _floors(chosen, frame, room))
        if frame.width(shortened.widths) <= room:
            return [shortened], [cells.headings[one] for one in range(len(cells.headings)) if one not in kept]
    floors = _floors(cells, frame, room)
    return [
        _shortened(cells.only(part), frame, room, [floors[index] for index in part])
        for part in _even(floors, frame, room, cells.joined)
    ], []


def _floors(cells: Cells, frame: Frame, room: int) -> list[int]:
    """Return the room that each column takes at least: the first, which names the lines, as much as sets names apart.

    But no more than leaves room for any other column beside it.
    """
    floors, widest = cells.least, cells.widths[0]
    if cells.right[0]:
        return floors
    names = list(dict.fromkeys(line[0] for line in cells.lines))
    most = min(widest, room - frame.width([0, max(floors[1:], default=0)]))
    enough = next((width for width in range(floors[0], most, _STEP) if distinct(names, width)), most)
    return [max(floors[0], enough), *floors[1:]]


def _shortened(cells: Cells, frame: Frame, room: int, floors: list[int]) -> Cells:
    """Return the table with its longest texts cut as far as it needs, and as they may be."""
    widths = cells.widths
    while (over := frame.width(widths) - room) > 0:
        longest = max(range(len(widths)), key=lambda index: widths[index] - floors[index])
        if widths[longest] == floors[longest]:
            break
        widths[longest] = max(floors[longest], widths[longest] - over)
    columns = [
        texts if right else elided(texts, width)
        for texts, width, right in zip(zip(*cells.lines, strict=True), widths, cells.right, strict=False)
    ]
    return replace(cells, lines=[list(line) for line in zip(*columns, strict=True)])


def _even(widths: list[int], frame: Frame, room: int, joined: frozenset[int]) -> list[list[int]]:
    """Return the parts of a table, as few as there may be, and about as wide as one another."""
    fewest = _parts(widths, frame, room, joined)
    for tighter in range(max(widths), room):
        parts = _parts(widths, frame, tighter, joined)
        if len(parts) == len(fewest) and all(frame.width([widths[one] for one in part]) <= room for part in parts):
            return parts
    return fewest


def _parts(widths: list[int], frame: Frame, room: int, joined: frozenset[int]) -> list[list[int]]:
    """Return which columns stand beside one another; each part begins with the first, which names the lines."""

    def fits(columns: list[int]) -> bool:
        return frame.width([widths[one] for one in columns]) <= room

    parts, part = [], [0]
    for group in _groups(len(widths), joined):
        for columns in [group] if fits([0, *group]) else [[index] for index in group]:
            if len(part) > 1 and not fits([*part, *columns]):
                parts.append(part)
                part = [0]
            part.extend(columns)
    return [*parts, part]


def _groups(count: int, joined: frozenset[int]) -> list[list[int]]:
    """Return the columns behind the first, those that stay together in a list each."""
    groups: list[list[int]] = []
    for index in range(1, count):
        if index in joined and groups:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
