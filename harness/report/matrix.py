"""The matrix of a ranking: how much each experiment is above each other, with interval and adjusted p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.metrics.analysis import Analysis
from harness.metrics.comparisons import SIGNS, Mark
from harness.metrics.pairs import Pair
from harness.metrics.statistic import Kind
from harness.report.intervals import LETTERED, letters, title
from harness.report.labels import shortened
from harness.results.leaderboard.notes import legend
from harness.results.leaderboard.rankings import Ranking
from harness.results.results import Results
from harness.results.tables.notes import brief
from harness.results.tables.values import interval, shown
from harness.text import counted

_NAME = 22
"""The most characters of a name in a heading."""
_SMALL = 0.001
"""A p-value below is not shown in digits."""


@dataclass(frozen=True)
class Cell:
    """How much the experiment of the line is above that of the column, as people read it.

    ``mark``: what it means. ``interval`` and ``p`` are empty where no variance is known.
    """

    change: str
    interval: str
    p: str
    mark: Mark

    @property
    def sign(self) -> str:
        """The sign of the mark."""
        return SIGNS[self.mark]


@dataclass(frozen=True)
class Line:
    """An experiment's differences to each of the others, None to itself. ``label``: its name where there is room."""

    name: str
    label: str
    letters: str
    cells: list[Cell | None]


@dataclass(frozen=True)
class Matrix:
    """A matrix of a page; its columns are its lines' experiments, in the same order, the best first."""

    key: str
    title: str
    lines: list[Line]
    note: str


def matrix(results: Results, ranking: Ranking) -> Matrix:
    """Return the matrix of a ranking's experiments, of the best ones where there are many."""
    analysis = ranking.analysis(results)
    order = [analysis.names[at] for at in analysis.order[:LETTERED]]
    labels, tied = shortened(order, _NAME), letters(analysis)
    lines = [
        Line(name, labels[name], tied.get(name, ""), [_cell(analysis, ranking, name, other) for other in order])
        for name in order
    ]
    unit = "nats" if ranking.metric.kind is Kind.loss else "percentage points"
    heading = f"{title(ranking)}, differences: line less column, {unit}"
    return Matrix(ranking.key, heading, lines, _note(analysis, ranking.key, lines))


def _cell(analysis: Analysis, ranking: Ranking, name: str, other: str) -> Cell | None:
    pair = analysis.pair(name, other) if name != other else None
    if pair is None:
        return None
    kind = ranking.metric.unit.change
    ends = interval((pair.low, pair.high), kind) if pair.low is not None and pair.high is not None else ""
    return Cell(_signed(pair.difference, kind), ends, _p(pair.p_holm), _mark(pair, ranking))


def _mark(pair: Pair, ranking: Ranking) -> Mark:
    if pair.p is None:
        return Mark.undecided
    if not pair.significant:
        return Mark.insignificant
    return Mark.better if (pair.difference > 0) == ranking.metric.higher_is_better else Mark.worse


def _signed(value: float, kind: Kind) -> str:
    text = shown(value, kind)
    return text.lstrip("+-") if float(text) == 0 else text if text[0] in "+-" else f"+{text}"


def _p(value: float | None) -> str:
    """Return a p-value as papers have it.

    >>> _p(0.0004), _p(0.0312), _p(1.0), _p(None)
    ('p < 0.001', 'p = 0.031', 'p = 1', '')
    """
    if value is None:
        return ""
    return f"p < {_SMALL}" if value < _SMALL else f"p = {value:.0f}" if value > 1 - _SMALL / 2 else f"p = {value:.3f}"


def _note(analysis: Analysis, key: str, lines: Sequence[Line]) -> str:
    """Return what a cell says, what its sign means, and which experiments are left out."""
    signs = legend({cell.mark for line in lines for cell in line.cells if cell})
    count, whole = len(analysis.pairs), len(analysis.names)
    left = f" The {LETTERED} best of {whole}; -t differences-{key} has all pairs." if whole > LETTERED else ""
    of_networks = ""
    if analysis.target == "networks":
        test = "McNemar's exact test" if analysis.proportion else "test paired over rows"
        of_networks = f"Of these networks, not their recipes: {test}." if analysis.images else ""
    return brief(
        f"[low, high]: 95 % CI of each difference; p: Holm's adjustment for {counted(count, 'pair')}.{left}",
        of_networks,
        signs=[f"{signs}." if signs else ""],
    )
