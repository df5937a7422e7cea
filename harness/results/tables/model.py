"""What tables are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from harness.metrics.comparisons import Difference, Mark
from harness.metrics.statistic import Kind, Statistic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.metrics.catalogue import Metric


@dataclass(frozen=True)
class Place:
    """A rank, 1 the best, and its 95 % confidence set, None where it has none. What is shown alike shares a rank.

    ``mark``: of a rank without a set, that another network does not differ significantly, or that nothing is known.
    """

    rank: int
    low: int | None = None
    high: int | None = None
    mark: Mark | None = None


@dataclass(frozen=True)
class Ranked:
    """A value with its place among the experiments that have one."""

    value: Statistic
    place: Place


@dataclass(frozen=True)
class Unavailable:
    """A value that there cannot be, and why: of a perturbation that does not take the data, say."""

    reason: str

    def __str__(self) -> str:
        return "n/a"


@dataclass(frozen=True)
class Worded:
    """A value that people are shown in words: ``Worded(10_600_000, "10.6 MB")``."""

    value: Any
    words: str

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % confidence interval, None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Estimate:
        """Return an estimate; ends that are no numbers are none."""
        known = isfinite(low) and isfinite(high)
        return cls(float(value), float(low) if known else None, float(high) if known else None)


@dataclass(frozen=True)
class Marked:
    """A difference over matched seeds, with what it means.

    ``interval``: its 95 % confidence interval, None where no variance is known. ``brief``: people are shown the mean
    and the mark alone. ``mark``: None where the table does not judge it. ``p`` and ``p_holm``: of no difference.
    """

    value: Statistic
    interval: tuple[float, float] | None
    mark: Mark | None
    brief: bool = False
    p: float | None = None
    p_holm: float | None = None

    @classmethod
    def of(cls, difference: Difference | None, *, brief: bool = False, scale: float = 1.0) -> Marked | None:
        """Return a difference as a cell, multiplied by ``scale``; None of none."""
        if difference is None:
            return None
        change, interval, pair = difference.change, difference.interval, difference.pair
        value = Statistic(change.mean * scale, None if change.std is None else change.std * abs(scale), change.n)
        ends = None if interval is None else (interval[0] * scale, interval[1] * scale)
        p, p_holm = (pair.p, pair.p_holm) if pair else (None, None)
        return cls(value, ends, difference.mark, brief, p, p_holm)


@dataclass(frozen=True)
class Column:
    """A column: its key in data, its heading for people, and what it holds.

    ``minor``: where a narrow terminal leaves out columns, it is one, the highest number before others; 0: it is not.
    """

    key: str
    heading: str
    kind: Kind = Kind.text
    minor: int = 0
    joined: bool = False
    """Whether it is of the column before it, beside which it stays where a table goes on below."""
    names: bool = False
    """Whether it names the lines, and so is repeated there. Where no column does, the first of text does."""

    @classmethod
    def of(cls, metric: Metric) -> Column:
        """Return a column of a metric's values."""
        return cls(metric.name, metric.title, metric.kind, metric.minor)


_USUAL = {"status": ("done",)}
"""What says nothing in a column where every line has it."""


@dataclass(frozen=True)
class Table:
    """A table of raw values by the columns' keys; a key that a line lacks is None.

    They are a `Statistic`, `Place`, `Ranked`, `Marked`, `Estimate`, `Unavailable` or `Worded`, a number, a text, or
    None.
    """

    key: str
    title: str
    columns: Sequence[Column]
    lines: Sequence[Mapping[str, Any]]
    note: str = ""
    noted: Callable[[Table], str] | None = field(default=None, repr=False, compare=False)
    """What returns the note of a part of the table, about what the part shows; None: it is the whole's."""

    @classmethod
    def explained(
        cls,
        key: str,
        title: str,
        columns: Sequence[Column],
        lines: Sequence[Mapping[str, Any]],
        noted: Callable[[Table], str],
    ) -> Table:
        """Return a table whose note is about what it shows, and so is that of a part of it."""
        return cls(key, title, columns, lines, noted=noted).part()

    def part(
        self, *, columns: Sequence[Column] | None = None, lines: Sequence[Mapping[str, Any]] | None = None
    ) -> Table:
        """Return some of the columns and lines, with their note."""
        part = replace(
            self, columns=self.columns if columns is None else columns, lines=self.lines if lines is None else lines
        )
        return replace(part, note=self.noted(part)) if self.noted else part

    @classmethod
    def of_text(
        cls,
        key: str,
        title: str,
        headings: Sequence[str],
        lines: Sequence[Sequence[str]],
        *,
        note: str = "",
        kind: Kind = Kind.text,
        minor: Sequence[str] = (),
    ) -> Table:
        """Return a table of text in cells.

        ``kind``: of every column but the first. ``minor``: the headings of columns to leave out on a narrow terminal,
        the first one first.
        """
        order = {heading: len(minor) - place for place, heading in enumerate(minor)}
        columns = [
            Column(str(place), heading, kind if place else Kind.text, order.get(heading, 0))
            for place, heading in enumerate(headings)
        ]
        keys = [column.key for column in columns]
        return cls(key, title, columns, [dict(zip(keys, line, strict=True)) for line in lines], note)

    def values(self, key: str) -> list[Any]:
        """Return a column's values."""
        return [line.get(key) for line in self.lines]

    @property
    def cells(self) -> list[Any]:
        """The values of all columns."""
        return [line.get(column.key) for line in self.lines for column in self.columns]

    @property
    def spread(self) -> bool:
        """Whether a cell has a standard deviation over seeds."""
        values = [cell.value if isinstance(cell, Ranked) else cell for cell in self.cells]
        return any(isinstance(value, Statistic) and value.std is not None for value in values)

    @property
    def telling(self) -> list[Column]:
        """The columns without those of text that say nothing: a group where no experiment has one, or all done."""
        return [
            column
            for place, column in enumerate(self.columns)
            if place == 0
            or column.kind is not Kind.text
            or not self.lines
            or any(value not in (None, "", *_USUAL.get(column.key, ())) for value in self.values(column.key))
        ]

    def has(self, *keys: str) -> bool:
        """Say whether any of these is the key of a column."""
        return any(column.key in keys for column in self.columns)
