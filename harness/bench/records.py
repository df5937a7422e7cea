"""Measurements as programs read them: a line for each case, with raw numbers."""

from __future__ import annotations

from collections.abc import Sequence

from harness.bench.comparison import Comparison
from harness.bench.measurements import Measurement
from harness.bench.standings import standings
from harness.results.tables import Column, Table

_FIELDS = (
    "backend", "variant", "network", "work", "precision", "processes", "threads", "batch_size", "rows", "conditions",
    "parameters", "operations", "samples_per_second", "median_seconds", "spread", "peak_anonymous_bytes", "waited",
    "others", "disturbed",
)  # fmt: skip
"""What a line has of a measurement, by its names there."""
_STANDING = {"times_reference": "times_reference", "of_limit": "of_limit", "of_own_library": "of_own"}
_COMPARED = {
    "ratio": "ratio",
    "margin": "margin",
    "p": "p",
    "p_holm": "p_holm",
    "calibrated_invocations": "invocations",
    "verdict": "verdict",
}
"""What a line has of a standing and of a comparison, by the names that JSON has."""


def cases_table(measurements: Sequence[Measurement], compared: Sequence[Comparison]) -> Table:
    """Return a line for each case: what was measured, how it is to its limit and, if compared, to the baseline."""
    by_title = {standing.measurement.title: standing for standing in standings(measurements)}
    baselines = {comparison.now.title: comparison for comparison in compared}
    lines = [
        {
            "case": measurement.title,
            **{name: getattr(measurement, name) for name in _FIELDS},
            "device": measurement.machine.device,
            "blas": measurement.machine.blas,
            **{key: getattr(by_title.get(measurement.title), name, None) for key, name in _STANDING.items()},
            **{key: getattr(baselines.get(measurement.title), name, None) for key, name in _COMPARED.items()},
        }
        for measurement in measurements
    ]
    names = ["case", *_FIELDS, "device", "blas", *_STANDING, *(_COMPARED if compared else ())]
    return Table("cases", "Measurements", [Column(name, name) for name in names], lines)
