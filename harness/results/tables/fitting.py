"""Text in cells, fitted to the width of a terminal: sentences are wrapped, and a table goes on below.

Widths are in a terminal's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from harness.results.tables.eliding import distinct, elided
from harness.results.tables.wrapping import narrowest, wrapped

_LEAST = 16
"""No text is made narrower; nor a name than what sets it apart from the others."""
_STEP = 4
_LINES = 3
"""A cell is wrapped into at most this many lines, where the table can be fitted by that."""
_MORE_LINES, _PROSE = 6, 32
"""Where not, a sentence gets a width for this many lines, or this width and the lines that it needs."""
_HANGING = 2
"""The indentation of a name's further lines: where the next row begins is seen by it."""


@dataclass(frozen=True)
class Cells:
    """A table of text.

    ``minor``: the columns to leave out first, the least important one first. ``joined``: those that stay beside the one
    before them. ``names``: those that name the lines, which each part of a table has.
    """

    headings: list[str]
    lines: list[list[str]]
    right: list[bool]
    """Whether a column's texts are set to the right, as numbers are: those are never shortened."""
    minor: tuple[int, ...] = ()
    joined: frozenset[int] = frozenset()
    names: tuple[int, ...] = (0,)

    @property
    def widths(self) -> list[int]:
        """The room that each column takes."""
        return [max(map(_width, column)) for column in zip(self.headings, *self.lines, strict=True)]

    @property
    def least(self) -> list[int]:
        """The room that each column takes at the very least."""
        return [
            width if right else min(width, max(_LEAST, cell_len(heading)))
            for width, right, heading in zip(self.widths, self.right, self.headings, strict=True)
        ]

    def only(self, chosen: Sequence[int]) -> Cells:
        """Return some of the columns, those that name the lines among them."""
        place = {index: at for at, index in enumerate(chosen)}
        return Cells(
            [self.headings[index] for index in chosen],
            [[line[index] for index in chosen] for line in self.lines],
            [self.right[index] for index in chosen],
            joined=frozenset(place[index] for index in self.joined if index in place),
            names=tuple(place[index] for index in self.names),
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


def fit(cells: Cells, frame: Frame, room: int | None, *, hide: bool = False) -> tuple[list[Cells], list[str]]:
    """Return a table in parts that each fit into the room, to stand below one another, and what was left out.

    Cells are wrapped into a few lines. ``hide``: where that does not suffice, as many minor columns are left out as
    that needs, so that a wider terminal never shows fewer of them. Then sentences get more lines. Where that does not
    suffice either, the table goes on below, behind the columns that name its lines again. A name is shortened
    (`elided`) where no other column has room beside it. ``room``: None has no end.
    """
    if room is None or frame.width(cells.widths) <= room:
        return [cells], []
    chosen, left_out = cells, list[str]()
    if hide:
        ways = _ways(cells)
        chosen, left_out = next((way for way in ways if frame.width(_whole(way[0])) <= room), ways[-1])
    floors = _whole(chosen)
    if frame.width(floors) > room:
        floors = _floors(chosen, frame, room)
    if frame.width(floors) <= room:
        return [_narrowed(chosen, frame, room, floors)], left_out
    return [
        _narrowed(chosen.only(part), frame, room, [floors[index] for index in part])
        for part in _even(chosen, floors, frame, room)
    ], left_out


def _width(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _ways(cells: Cells) -> list[tuple[Cells, list[str]]]:
    """Return the table with all its columns, without the first minor one, …; each with the headings left out."""
    ways = [(cells, list[str]())]
    kept = list(range(len(cells.headings)))
    for index in cells.minor:
        kept = [column for column in kept if column != index]
        without = [heading for column, heading in enumerate(cells.headings) if column not in kept]
        ways.append((cells.only(kept), without))
    return ways


def _texts(cells: Cells) -> list[tuple[str, ...]]:
    """Return the texts of each column."""
    return list(zip(*cells.lines, strict=True)) if cells.lines else [()] * len(cells.headings)


def _whole(cells: Cells) -> list[int]:
    """Return the room that each column takes if its texts are wrapped into a few lines, and nothing is cut."""
    return [
        least if right else max(least, min(width, _wrapping(texts, least, names=index in cells.names)))
        for index, (texts, width, least, right) in enumerate(
            zip(_texts(cells), cells.widths, cells.least, cells.right, strict=True)
        )
    ]


def _wrapping(texts: Sequence[str], least: int, *, names: bool) -> int:
    return narrowest(texts, _LINES, least=least, hanging=_HANGING if names else 0)


def _floors(cells: Cells, frame: Frame, room: int) -> list[int]:
    """Return the room that each column takes at least.

    Those that name the lines take as much as sets names apart, but no more than leaves room for any other column beside
    them. A column of sentences takes enough for their lines to be read.
    """
    floors, widths, columns = cells.least, cells.widths, _texts(cells)
    for index, (texts, right) in enumerate(zip(columns, cells.right, strict=True)):
        if index not in cells.names and not right and _are_sentences(texts, floors[index]):
            readable = min(narrowest(texts, _MORE_LINES, least=floors[index]), _PROSE, room // 3)
            floors[index] = max(floors[index], min(widths[index], readable))
    widest = max((floor for index, floor in enumerate(floors) if index not in cells.names), default=0)
    most = (room - frame.width([*[0] * len(cells.names), widest])) // len(cells.names)
    for index in cells.names:
        if not cells.right[index]:
            floors[index] = _names_floor(columns[index], floors[index], min(widths[index], most))
    return floors


def _names_floor(texts: Sequence[str], least: int, most: int) -> int:
    """Return the room that names take at least: whole where there is as much, else what sets them apart."""
    names = list(dict.fromkeys(texts))
    whole = _wrapping(names, least, names=True)
    if whole <= most:
        return whole
    return max(least, next((width for width in range(least, most, _STEP) if distinct(names, width)), most))


def _are_sentences(texts: Sequence[str], width: int) -> bool:
    """Say whether some of the texts that are too wide have several words."""
    return any(" " in text for text in texts if cell_len(text) > width)


def _narrowed(cells: Cells, frame: Frame, room: int, floors: list[int]) -> Cells:
    """Return the table with its widest columns narrowed as far as it needs, and as they may be."""
    widths = cells.widths
    while (over := frame.width(widths) - room) > 0:
        widest = max(range(len(widths)), key=lambda index: widths[index] - floors[index])
        if widths[widest] == floors[widest]:
            break
        widths[widest] = max(floors[widest], widths[widest] - over)
    columns = [
        texts if right else _within(texts, width, names=index in cells.names)
        for index, (texts, width, right) in enumerate(zip(_texts(cells), widths, cells.right, strict=True))
    ]
    return replace(cells, lines=[list(line) for line in zip(*columns, strict=True)])


def _within(texts: Sequence[str], width: int, *, names: bool) -> Sequence[str]:
    """Return a column's texts within a width: sentences wrapped; names, and sentences too long for one, shortened."""
    hanging = _HANGING if names else 0
    if _are_sentences(texts, width) and not (names and _wrapping(texts, width, names=True) > width):
        return [wrapped(text, width, hanging=hanging) for text in texts]
    return elided(texts, width)


def _even(cells: Cells, widths: list[int], frame: Frame, room: int) -> list[list[int]]:
    """Return the parts of a table, as few as there may be, and about as wide as one another."""
    fewest = _parts(cells, widths, frame, room)
    for tighter in range(max(widths), room):
        parts = _parts(cells, widths, frame, tighter)
        if len(parts) == len(fewest) and all(
            frame.width([widths[column] for column in part]) <= room for part in parts
        ):
            return parts
    return fewest


def _parts(cells: Cells, widths: list[int], frame: Frame, room: int) -> list[list[int]]:
    """Return which columns stand beside one another; each part has those that name the lines."""
    names = list(cells.names)

    def fits(columns: list[int]) -> bool:
        return frame.width([widths[column] for column in columns]) <= room

    parts, part = [], names
    for group in _groups(cells):
        for columns in [group] if fits([*names, *group]) else [[index] for index in group]:
            if len(part) > len(names) and not fits([*part, *columns]):
                parts.append(part)
                part = names
            part = [*part, *columns]
    return [sorted(part) for part in [*parts, part]]


def _groups(cells: Cells) -> list[list[int]]:
    """Return the columns that name no lines, those that stay together in a list each."""
    groups: list[list[int]] = []
    for index in range(len(cells.headings)):
        if index in cells.names:
            continue
        if index in cells.joined and groups:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
