"""Training speed: which times may be set against each other, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.machine.contention import advice
from harness.metrics.comparability import machines
from harness.metrics.statistic import Kind, Statistic
from harness.results.experiments import ExperimentRows
from harness.results.results import Results
from harness.results.tables.model import Column, Table
from harness.text import counted


def speed(results: Results) -> Table:
    """Return the table, ranked where all rows come from one environment, but for those that shared the machine."""
    columns = [
        Column("experiment", "Experiment"),
        Column("backend", "Backend"),
        Column("device", "Device", minor=3),
        Column("parameters", "Parameters", Kind.number, minor=2),
        Column("samples_per_second", "Samples/s", Kind.rate),
        Column("seconds", "Seconds", Kind.seconds),
        Column("epochs", "Epochs", Kind.number),
        Column("augmentation_share", "Augm. %", Kind.percent),
        Column("peak_device_bytes", "Peak device bytes", Kind.number, minor=1),
        Column("contended", "Contended", minor=4),
    ]
    lines = [
        {
            "experiment": experiment.name,
            "backend": experiment.backend,
            "device": experiment.done[0].environment.get("device") if experiment.done else None,
            "parameters": experiment.first.parameters or None,
            **{name: experiment.statistic(name) for name in ("samples_per_second", "seconds", "epochs")},
            "augmentation_share": _waited(experiment),
            "peak_device_bytes": _peak(experiment),
            "contended": experiment.contended,
        }
        for experiment in results.trained
    ]
    if not any(line["peak_device_bytes"] for line in lines):
        columns = [column for column in columns if column.key != "peak_device_bytes"]
    if not any(line["augmentation_share"] for line in lines):
        columns = [column for column in columns if column.key != "augmentation_share"]
    if not any(line["contended"] for line in lines):
        columns.pop()
    if len(_places(results.trained)) <= 1:
        # The contended ones stay behind, in the suite's order.
        lines.sort(key=lambda line: (bool(line["contended"]), 0.0 if line["contended"] else -_rate(line)))
    note = doubts(results.trained, results.rerun)
    return Table("speed", f"Training speed · {results.data}", columns, lines, note)


def doubts(experiments: Sequence[ExperimentRows], words: Sequence[str] = ("SUITE",)) -> str:
    """Return why times are not ranked, in a sentence; empty where all are. ``words``: `Results.rerun`."""
    places = len(_places(experiments))
    if places > 1:
        return f"Not ranked: times of {places} environments (machine, device, threads) are not comparable."
    contended = sum(bool(experiment.contended) for experiment in experiments)
    if not contended:
        return ""
    reasons = [row.contended for experiment in experiments for row in experiment.done]
    of_all = f"{contended} of {counted(len(experiments), 'experiment')}"
    return f"Not ranked: times of trials that shared the machine ({of_all}). {advice(reasons, 'to rank', words)}"


def _places(experiments: Sequence[ExperimentRows]) -> set[tuple[str, ...]]:
    return machines(row for experiment in experiments for row in experiment.done)


def _waited(experiment: ExperimentRows) -> Statistic | None:
    """Return the share of training that waited for augmented batches, over its trials."""
    shares = [row.metrics.augmentation_share for row in experiment.done if row.metrics]
    return Statistic.of([share for share in shares if share is not None])


def _peak(experiment: ExperimentRows) -> int | None:
    return max((row.metrics.peak_device_bytes or 0 for row in experiment.done if row.metrics), default=0) or None


def _rate(line: dict[str, Any]) -> float:
    rate: Statistic | None = line["samples_per_second"]
    return rate.mean if rate else float("-inf")
