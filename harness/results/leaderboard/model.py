"""What tables are made from, and what they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.metrics.comparisons import Difference, Mark
from harness.metrics.statistic import Kind, Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from harness.metrics.catalogue import Metric
    from harness.rows import TrialRow


@dataclass(frozen=True)
class RunSummary:
    """A run, as its tables want it."""

    title: str
    dataset: str
    """``"digits, 1,797 images"``, ``"EMNIST ByMerge, 216,168 of 814,255 images"``."""
    rows: list[TrialRow]
    """Every planned trial, in the suite's order."""
    finalists: dict[str, list[str]]
    """The experiments that are tested under each label; empty: all are tested."""
    baseline: str | None
    """The experiment that improvements are over."""
    compare: list[tuple[str, str]]
    """Pairs to set side by side."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """The images of each set, train, val and test; what is not there is not known."""
    chosen: frozenset[str] = frozenset()
    """The labels of finalists that validation chose, not the suite."""
    without: Mapping[str, Sequence[TrialRow]] = field(default_factory=dict)
    """The candidates' trials that failed, by the label that validation chose without them."""
    severities: Mapping[str, Sequence[float]] | None = None
    """The severities that the suite measures each perturbation at; None: whatever the rows have."""


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
