"""What tables are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.metrics.comparisons import Difference, Mark
from harness.metrics.statistic import Kind, Statistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from harness.metrics.catalogue import Metric


@dataclass(frozen=True)
class Ranked:
    """A value with its rank among the experiments that have one; 1 is best, what is shown alike shares a rank."""

    value: Statistic
    rank: int


@dataclass(frozen=True)
class Marked:
    """A difference over matched seeds, with what it means.

    ``error``: half the confidence interval of its mean, None where nothing tells. ``brief``: people are shown the mean
    and the mark alone. ``mark``: None where the table gives no verdict on it.
    """

    value: Statistic
    error: float | None
    mark: Mark | None
    brief: bool = False

    @classmethod
    def of(cls, difference: Difference | None, *, brief: bool = False, scale: float = 1.0) -> Marked | None:
        """Return a difference as a cell, multiplied by ``scale``; None of none."""
        if difference is None:
            return None
        change, error = difference.change, difference.error
        value = Statistic(change.mean * scale, None if change.std is None else change.std * scale, change.n)
        return cls(value, None if error is None else error * scale, difference.mark, brief)


@dataclass(frozen=True)
class Column:
    """A column: its key in data, its heading for people, and what it holds.

    ``minor``: on a narrow terminal it is left out first, the highest number before others; 0: it is not.
    """

    key: str
    heading: str
    kind: Kind = Kind.text
    minor: int = 0

    @classmethod
    def of(cls, metric: Metric) -> Column:
        """Return a column of a metric's values."""
        return cls(metric.name, metric.title, metric.kind, metric.minor)


@dataclass(frozen=True)
class Table:
    """A table: raw values in ``frame`` (`Statistic`, `Ranked`, `Marked`, number, text, None), a column for each key."""

    key: str
    title: str
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    note: str = ""


def make_table(key: str, title: str, columns: Sequence[Column], lines: list[dict[str, Any]], note: str = "") -> Table:
    """Return a table of lines, each a mapping from column keys to raw values; what a line lacks is None."""
    import pandas as pd

    data = {column.key: pd.Series([line.get(column.key) for line in lines], dtype=object) for column in columns}
    return Table(key, title, tuple(columns), pd.DataFrame(data), note)
