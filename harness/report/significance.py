"""Which differences of a run are significant: for each ranking its intervals, rank sets, pairs and what would help."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report import detectable, intervals
from harness.report.figure import Figure
from harness.report.matrix import Matrix, matrix
from harness.report.reading import Material
from harness.results.leaderboard import certainty
from harness.results.leaderboard.rankings import Ranking, headlines
from harness.results.tables.notes import brief

_SMALL = 4
"""The most experiments of a matrix that half a page has room for."""


@dataclass(frozen=True)
class Part:
    """What is known of the differences in one ranking."""

    title: str
    figures: list[Figure]
    """Estimates, and rank sets."""
    detectable: list[Figure]
    """The smallest detectable difference; none of one seed."""
    matrix: Matrix
    note: str

    @property
    def small(self) -> bool:
        """Whether the matrix has room beside a figure."""
        return len(self.matrix.lines) <= _SMALL


def parts(material: Material) -> list[Part]:
    """Return a part for each ranking that compares experiments, that by accuracy first."""
    results = material.results
    return [
        Part(
            intervals.title(ranking),
            intervals.figures(results, ranking),
            detectable.figures(results, ranking),
            matrix(results, ranking),
            brief(*certainty.settling(results, ranking)),
        )
        for ranking in _compared(material)
    ]


def figures(material: Material) -> list[Figure]:
    """Return the figures of all parts."""
    results = material.results
    return [
        figure
        for ranking in _compared(material)
        for figure in (*intervals.figures(results, ranking), *detectable.figures(results, ranking))
    ]


def _compared(material: Material) -> list[Ranking]:
    """Return the rankings that compare two experiments at least."""
    results = material.results
    return [ranking for ranking in headlines(results) if len(ranking.analysis(results).names) > 1]
