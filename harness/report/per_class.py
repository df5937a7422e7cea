"""Precision, recall, F1 and support of each class, of the experiments that are looked at closely."""

from __future__ import annotations

from dataclasses import replace

from harness.report.reading import Material
from harness.report.sheets import Sheet, sheet
from harness.results.leaderboard.per_class import per_class


def sheets(material: Material) -> list[Sheet]:
    """Return a table for each experiment that is looked at closely."""
    return [
        replace(
            sheet(per_class(tested.name, tested.confusions, material.labels, material.results)),
            key=f"per-class-{number}",
        )
        for number, tested in enumerate(material.closer, 1)
    ]
