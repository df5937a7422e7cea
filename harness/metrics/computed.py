"""The metrics that are computed from predictions, as rows store them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.metrics.catalogue import CATALOGUE, Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.metrics.predictions import Predictions


def computed_names(rows: Rows, *, attacked: bool = False) -> list[str]:
    """Return the names of the metrics of some rows that are computed from predictions, in the catalogue's order.

    ``attacked``: of rows under attack.
    """
    return [
        name
        for name, metric in CATALOGUE.items()
        if metric.rows == rows and metric.from_row is None and (attacked or not metric.attacked)
    ]


def of_predictions(
    names: Iterable[str], predictions: Predictions, clean: Predictions | None = None
) -> dict[str, float | None]:
    """Return the values of metrics that are computed from predictions, by name; None where these lack what it takes."""
    return {name: CATALOGUE[name].of(predictions, clean) for name in names}


def lacking(rows: Rows, values: Mapping[str, float | None], *, attacked: bool = False) -> list[str]:
    """Return which of the `computed_names` of some rows are not among stored values."""
    return [name for name in computed_names(rows, attacked=attacked) if name not in values]
