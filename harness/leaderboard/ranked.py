"""The leaderboards: every planned experiment, ranked by metrics on the test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from harness.leaderboard import notes
from harness.leaderboard.experiments import ExperimentRows, counts, difference, perturbations
from harness.leaderboard.formats import as_shown
from harness.leaderboard.model import Column, Ranked, RunSummary, Table, make_table
from harness.quantities import Kind, Statistic
from harness.wording import counted

_Z = 1.96
"""The normal quantile of a 95 % interval."""
Value = Callable[[ExperimentRows], Statistic | None]


@dataclass(frozen=True)
class Ranking:
    """A metric to rank by: how to read it on test and validation rows, and which way is better."""

    key: str
    title: str
    heading: str
    kind: Kind
    test: Value
    validation: Value | None
    higher_is_better: bool


def _clean(key: str, title: str, heading: str, kind: Kind, test: str, validation: str) -> Ranking:
    better_up = kind is Kind.percent
    return Ranking(key, title, heading, kind, lambda e: e.test(test), lambda e: e.validation(validation), better_up)


CLEAN = (
    _clean("accuracy", "accuracy", "Accuracy %", Kind.percent, "accuracy", "val_accuracy"),
    _clean("macro-f1", "macro-F1", "Macro-F1 %", Kind.percent, "macro_f1", "val_macro_f1"),
    _clean("cross-entropy", "cross-entropy", "CE", Kind.loss, "cross_entropy", "val_loss"),
)


def rankings(experiments: Sequence[ExperimentRows]) -> list[Ranking]:
    """Return what a run can be ranked by: the clean metrics, and the mean degradation under each perturbation."""
    found = perturbations(experiments)
    return [*CLEAN, *(_degradation(name, severities, alone=len(found) == 1) for name, severities in found.items())]


def _degradation(name: str, severities: Sequence[float], *, alone: bool) -> Ranking:
    noisy = [severity for severity in severities if severity > 0]
    return Ranking(
        key="degradation" if alone else f"degradation-{name}",
        title=f"degradation under {name}",
        heading="Degr. %" if alone else f"Degr. %, {name}",
        kind=Kind.degradation,
        test=lambda e: e.over_severities("degradation", name, noisy),
        validation=None,
        higher_is_better=False,
    )


def overview(summary: RunSummary, experiments: Sequence[ExperimentRows]) -> Table:
    """Return one table of all rankings: each value with its rank, best accuracy first."""
    found = rankings(experiments)
    base = _baseline(summary, experiments)
    columns = [
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=2),
        Column("backend", "Backend", minor=1),
    ]
    columns += [Column(_name(ranking), ranking.heading, ranking.kind) for ranking in found]
    if base:
        columns.append(Column("over_baseline", f"vs {base.name}, pp", Kind.points))
    columns += [Column("val_accuracy", "Val %", Kind.percent), Column("status", "Status")]
    places = {ranking.key: _ranks(experiments, ranking) for ranking in found}
    lines = []
    for one in _ordered(experiments, CLEAN[0]):
        line = _about(one) | {"val_accuracy": one.validation("val_accuracy")}
        for ranking in found:
            value = ranking.test(one)
            line[_name(ranking)] = Ranked(value, places[ranking.key][one.name]) if value else None
        if base and base is not one:
            line["over_baseline"] = difference(one.test("accuracy"), base.test("accuracy"))
        lines.append(line)
    title = _title(summary, experiments, "value on the test rows (rank)")
    note = notes.joined(_chance(summary, experiments), notes.not_counted(experiments), notes.unmeasured(experiments))
    return make_table("overview", title, columns, lines, note)


def leaderboards(summary: RunSummary, experiments: Sequence[ExperimentRows]) -> list[Table]:
    """Return a leaderboard of each ranking."""
    return [_leaderboard(summary, experiments, ranking) for ranking in rankings(experiments)]


def _leaderboard(summary: RunSummary, experiments: Sequence[ExperimentRows], ranking: Ranking) -> Table:
    base = _baseline(summary, experiments) if ranking.kind is Kind.percent else None
    unit = "" if ranking.kind is Kind.loss else " %"
    columns = [
        Column("rank", "#", Kind.number),
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=2),
        Column("backend", "Backend", minor=1),
        Column("test", f"Test{unit}", ranking.kind),
    ]
    if base:
        columns.append(Column("over_baseline", f"vs {base.name}, pp", Kind.points))
    if ranking.validation:
        columns.append(Column("validation", f"Validation{unit}", ranking.kind))
    columns.append(Column("status", "Status"))
    ranks = _ranks(experiments, ranking)
    lines = []
    for one in _ordered(experiments, ranking):
        line = _about(one) | {"rank": ranks.get(one.name), "test": ranking.test(one)}
        line["validation"] = ranking.validation(one) if ranking.validation else None
        if base and base is not one:
            line["over_baseline"] = difference(line["test"], ranking.test(base))
        lines.append(line)
    about = _chance(summary, experiments) if ranking is CLEAN[0] else ""
    other = notes.unmeasured(experiments) if ranking not in CLEAN else ""
    note = notes.joined(about, notes.not_counted(experiments), other)
    return make_table(ranking.key, _title(summary, experiments, ranking.title), columns, lines, note)


def _about(one: ExperimentRows) -> dict[str, Any]:
    return {"experiment": one.name, "group": one.first.group, "backend": one.backend, "status": one.standing}


def _title(summary: RunSummary, experiments: Sequence[ExperimentRows], what: str) -> str:
    told = counts(experiments)
    return (
        f"{summary.title} · {summary.dataset} · {told['done']} of {counted(told['planned'], 'trial')} done, "
        f"{told['tested']} tested · {what}"
    )


def _ordered(experiments: Sequence[ExperimentRows], ranking: Ranking) -> list[ExperimentRows]:
    """Return the tested ones, best first; then the others by validation; then those without a value."""

    def key(one: ExperimentRows) -> tuple[int, float]:
        for place, read in enumerate((ranking.test, ranking.validation)):
            value = read(one) if read else None
            if value:
                return place, _badness(value, ranking)
        return 2, 0.0

    return sorted(experiments, key=key)


def _ranks(experiments: Sequence[ExperimentRows], ranking: Ranking) -> dict[str, int]:
    """Return the rank of each tested experiment: one more than the number of those that are better, as shown.

    Nobody could see why of two values that are shown alike one ranks before the other.
    """
    values = {one.name: ranking.test(one) for one in experiments}
    bad = {name: as_shown(_badness(value, ranking), ranking.kind) for name, value in values.items() if value}
    return {name: 1 + sum(other < mine for other in bad.values()) for name, mine in bad.items()}


def _badness(value: Statistic, ranking: Ranking) -> float:
    """Return a number that is lower where the value is better; what is no number is worst."""
    mean = value.sortable
    return -mean if ranking.higher_is_better and mean != float("inf") else mean


def _chance(summary: RunSummary, experiments: Sequence[ExperimentRows]) -> str:
    """Say how exactly so many test images tell an accuracy: ranks do not.

    Half of Wilson's (1927) interval at 95 %: z √(p (1 - p) / n + z² / 4n²) / (1 + z² / n). Means over seeds are of the
    same images, and have the same error.
    """
    values = [value for one in experiments if (value := CLEAN[0].test(one))]
    n = summary.test_rows
    if not n or len(values) < 2:
        return ""
    best = max(value.mean for value in values)
    half = _Z * sqrt(best * (1 - best) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return (
        f"Values that are shown alike share a rank. {counted(n, 'test image')} tell an accuracy of {best:.2%} to ± "
        f"{100 * half:.2f} points (95 %): a rank that rests on less may be chance."
    )


def _baseline(summary: RunSummary, experiments: Sequence[ExperimentRows]) -> ExperimentRows | None:
    return next((one for one in experiments if one.name == summary.baseline), None)


def _name(ranking: Ranking) -> str:
    return ranking.key.replace("-", "_")
