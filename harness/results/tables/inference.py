"""The columns of a table that has a line for each pair: what is known of the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.metrics.statistic import Kind
from harness.results.tables.model import Column

if TYPE_CHECKING:
    from harness.metrics.pairs import Pair


def pair_columns(change: Kind) -> list[Column]:
    """Return the columns of `pair_cells`; ``change``: how a difference is shown."""
    return [
        Column("low", "Low", change),
        Column("high", "High", change),
        Column("p", "p", Kind.real, minor=6),
        Column("p_holm", "p (Holm)", Kind.real),
        Column("df", "df", Kind.real, minor=5),
        Column("variance_seeds", "Var. seeds", Kind.real, minor=4),
        Column("variance_images", "Var. images", Kind.real, minor=3),
        Column("seeds_needed", "Seeds needed", Kind.number, minor=2),
        Column("target", "Target", minor=1),
    ]


def pair_cells(pair: Pair | None) -> dict[str, Any]:
    """Return what is known of a difference, by the columns' keys; None where nothing is."""
    return {column.key: getattr(pair, column.key) if pair else None for column in pair_columns(Kind.real)}
