"""The leaderboards: every planned experiment, ranked by one metric on the test rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.leaderboard.experiments import (
    HIGH_SEVERITY,
    ExperimentRows,
    by_experiment,
    counts,
    difference,
    perturbations,
)
from harness.leaderboard.model import Column, Kind, RunSummary, Statistic, Table, make_table

Value = Callable[[ExperimentRows], Statistic | None]


@dataclass(frozen=True)
class Ranking:
    """A metric to rank by: how to read it on test and validation rows, and which way is better."""

    key: str
    title: str
    kind: Kind
    test: Value
    validation: Value | None
    higher_is_better: bool


CLEAN = (
    Ranking("accuracy", "accuracy", Kind.percent, lambda e: e.test("accuracy"), lambda e: e.validation("val_accuracy"), True),
    Ranking("macro-f1", "macro-F1", Kind.percent, lambda e: e.test("macro_f1"), lambda e: e.validation("val_macro_f1"), True),
    Ranking("cross-entropy", "cross-entropy", Kind.loss, lambda e: e.test("cross_entropy"), lambda e: e.validation("val_loss"), False),
)  # fmt: skip


def leaderboards(summary: RunSummary) -> list[Table]:
    """Return the leaderboards of accuracy, macro-F1 and cross-entropy, and of degradation under each perturbation."""
    experiments = by_experiment(summary)
    found = [_leaderboard(summary, experiments, ranking, []) for ranking in CLEAN]
    several = perturbations(experiments)
    for name, severities in several.items():
        key = "degradation" if len(several) == 1 else f"degradation-{name}"

        def mean_degradation(one: ExperimentRows, name: str = name) -> Statistic | None:
            return one.over_severities("degradation", name, lambda severity: severity > 0)

        def high_accuracy(one: ExperimentRows, name: str = name) -> Statistic | None:
            return one.over_severities("accuracy", name, lambda severity: severity >= HIGH_SEVERITY)

        ranking = Ranking(key, f"degradation under {name}", Kind.degradation, mean_degradation, None, False)
        extra: list[tuple[Column, Value]] = []
        if any(severity >= HIGH_SEVERITY for severity in severities):
            heading = f"Acc. % at ≥ {HIGH_SEVERITY}"
            extra.append((Column("accuracy_at_high_severity", heading, Kind.percent), high_accuracy))
        found.append(_leaderboard(summary, experiments, ranking, extra))
    return found


def _leaderboard(
    summary: RunSummary, experiments: list[ExperimentRows], ranking: Ranking, extra: list[tuple[Column, Value]]
) -> Table:
    base = next((one for one in experiments if one.name == summary.baseline), None)
    unit = {Kind.percent: " %", Kind.degradation: " %"}.get(ranking.kind, "")
    columns = [
        Column("rank", "#", Kind.count),
        Column("experiment", "Experiment"),
        Column("group", "Group"),
        Column("backend", "Backend"),
        Column("test", f"Test{unit}", ranking.kind),
    ]
    if base and ranking.kind is Kind.percent:
        columns.append(Column("over_baseline", f"vs {base.name}, pp", Kind.points))
    columns += [column for column, _ in extra]
    if ranking.validation:
        columns.append(Column("validation", f"Validation{unit}", ranking.kind))
    columns.append(Column("status", "Status"))
    lines = []
    for one in _ordered(experiments, ranking):
        test = ranking.test(one)
        line: dict[str, Any] = {
            "experiment": one.name,
            "group": one.first.group,
            "backend": one.backend,
            "test": test,
            "validation": ranking.validation(one) if ranking.validation else None,
            "status": _status(one),
        }
        if base and base is not one:
            line["over_baseline"] = difference(test, ranking.test(base))
        line |= {column.key: value(one) for column, value in extra}
        lines.append(line)
    _rank(lines)
    told = counts(experiments)
    title = (
        f"Leaderboard: {ranking.title} · {summary.title} · {summary.dataset} · "
        f"{told['done']} of {told['planned']} trials done, {told['tested']} tested"
    )
    return make_table(ranking.key, title, columns, lines)


def _ordered(experiments: list[ExperimentRows], ranking: Ranking) -> list[ExperimentRows]:
    """Return the tested ones, best first; then the others by validation; then those without a value."""
    sign = -1.0 if ranking.higher_is_better else 1.0

    def key(one: ExperimentRows) -> tuple[int, float]:
        for place, read in enumerate((ranking.test, ranking.validation)):
            value = read(one) if read else None
            if value:
                return place, value.sortable * (sign if value.sortable != float("inf") else 1.0)
        return 2, 0.0

    return sorted(experiments, key=key)


def _rank(lines: list[dict[str, Any]]) -> None:
    """Number the tested lines; equal means share a rank."""
    for position, line in enumerate(lines):
        if line["test"] is None:
            return
        before = lines[position - 1] if position else None
        tied = before is not None and before["test"].mean == line["test"].mean
        line["rank"] = before["rank"] if tied and before else position + 1


def _status(one: ExperimentRows) -> str:
    if one.status == "done" and not one.tested:
        return "done, not a finalist"
    return one.status
