"""The leaderboards: every planned experiment, ranked by metrics on the test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.statistic import Kind, Statistic
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard import chance, notes
from harness.results.results import Results
from harness.results.tables.model import Column, Marked, Ranked, Table
from harness.results.tables.values import as_shown
from harness.text import counted

Value = Callable[[ExperimentRows], Statistic | None]


@dataclass(frozen=True)
class Ranking:
    """A metric to rank by, and how to read it on test and validation rows.

    ``perturbation``: of a degradation, None of the clean images.
    """

    key: str
    metric: Metric
    title: str
    heading: str
    test: Value
    validation: Value | None
    perturbation: str | None = None


def _clean(metric: Metric) -> Ranking:
    key = metric.name.removeprefix("test_").replace("_", "-")
    validation = metric.validation
    return Ranking(
        key,
        metric,
        key,
        metric.title,
        lambda e: e.statistic(metric.name),
        (lambda e: e.statistic(validation)) if validation else None,
    )


CLEAN = tuple(_clean(metric) for metric in CATALOGUE.values() if "leaderboards" in metric.shown)


def rankings(results: Results) -> list[Ranking]:
    """Return what a run can be ranked by: the clean metrics, and the mean degradation under each perturbation."""
    found = results.perturbations
    return [*CLEAN, *(_degradation(name, severities, alone=len(found) == 1) for name, severities in found.items())]


def _degradation(name: str, severities: Sequence[float], *, alone: bool) -> Ranking:
    noisy = [severity for severity in severities if severity > 0]
    metric = CATALOGUE["degradation"]
    return Ranking(
        key=metric.name if alone else f"{metric.name}-{name}",
        metric=metric,
        title=f"{metric.name} under {name}",
        heading=metric.title if alone else f"{metric.title}, {name}",
        test=lambda e: e.over_severities(metric.name, name, noisy),
        validation=None,
        perturbation=name,
    )


def overview(results: Results) -> Table:
    """Return one table of all rankings: each value with its rank, best accuracy first."""
    found = rankings(results)
    base = results.baseline
    columns = [
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=2),
        Column("backend", "Backend", minor=1),
    ]
    columns += [Column(_name(ranking), ranking.heading, ranking.metric.kind) for ranking in found]
    if base:
        columns.append(Column("over_baseline", f"vs {base.name}, pp", Kind.points))
    columns += [Column.of(CATALOGUE["val_accuracy"]), Column("status", "Status")]
    places = {ranking.key: _ranks(results, ranking) for ranking in found}
    lines = []
    for one in _ordered(results, CLEAN[0]):
        line = _about(one) | {"val_accuracy": one.statistic("val_accuracy")}
        for ranking in found:
            value = ranking.test(one)
            line[_name(ranking)] = Ranked(value, places[ranking.key][one.name]) if value else None
        if base and base is not one:
            line["over_baseline"] = over(results, one, base, "test_accuracy")
        lines.append(line)
    title = _title(results, "value on the test rows (rank)")
    note = notes.joined(
        _chance(results, found),
        marks_over(base, lines),
        notes.seeds(results.experiments),
        notes.excluded(results),
        notes.unmeasured(results),
    )
    return Table("overview", title, columns, lines, note)


def leaderboards(results: Results) -> list[Table]:
    """Return a leaderboard of each ranking."""
    return [_leaderboard(results, ranking) for ranking in rankings(results)]


def _leaderboard(results: Results, ranking: Ranking) -> Table:
    base = results.baseline if ranking.metric.kind is Kind.percent else None
    unit = "" if ranking.metric.kind is Kind.loss else " %"
    columns = [
        Column("rank", "#", Kind.number),
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=2),
        Column("backend", "Backend", minor=1),
        Column("test", "Degradation %" if ranking.perturbation else f"Test{unit}", ranking.metric.kind),
    ]
    if base:
        columns.append(Column("over_baseline", f"vs {base.name}, pp", Kind.points))
    if ranking.validation:
        columns.append(Column("validation", f"Validation{unit}", ranking.metric.kind))
    columns.append(Column("status", "Status"))
    ranks = _ranks(results, ranking)
    lines = []
    for one in _ordered(results, ranking):
        line = _about(one) | {"rank": ranks.get(one.name), "test": ranking.test(one)}
        line["validation"] = ranking.validation(one) if ranking.validation else None
        if base and base is not one:
            line["over_baseline"] = over(results, one, base, ranking.metric.name)
        lines.append(line)
    note = notes.joined(
        _chance(results, [ranking]),
        marks_over(base, lines),
        notes.seeds(results.experiments),
        notes.excluded(results),
        notes.unmeasured(results) if ranking.perturbation else "",
    )
    return Table(ranking.key, _title(results, ranking.title), columns, lines, note)


def over(results: Results, one: ExperimentRows, base: ExperimentRows, metric: str) -> Marked | None:
    """Return how much an experiment is above the baseline, for a narrow column."""
    return Marked.of(results.over(one, base, metric), brief=True)


def marks_over(base: ExperimentRows | None, lines: Sequence[dict[str, Any]]) -> str:
    """Say what the signs in that column mean."""
    return notes.marks(f"vs {base.name}", (line.get("over_baseline") for line in lines)) if base else ""


def _about(one: ExperimentRows) -> dict[str, Any]:
    return {"experiment": one.name, "group": one.first.group, "backend": one.backend, "status": one.standing}


def _title(results: Results, what: str) -> str:
    counts = results.counts
    return (
        f"{results.title} · {results.data} · {counts['done']} of {counted(counts['planned'], 'trial')} done, "
        f"{counts['tested']} tested · {what}"
    )


def _ordered(results: Results, ranking: Ranking) -> list[ExperimentRows]:
    """Return the tested ones, best first; then the others by validation; then those without a value."""

    def key(one: ExperimentRows) -> tuple[int, float]:
        for place, read in enumerate((ranking.test, ranking.validation)):
            value = read(one) if read else None
            if value:
                return place, _badness(value, ranking)
        return 2, 0.0

    return sorted(results.experiments, key=key)


def _ranks(results: Results, ranking: Ranking) -> dict[str, int]:
    """Return the rank of each tested experiment: one more than the number of those that are better, as shown.

    Otherwise one of two values that are shown alike would rank before the other, for no visible reason.
    """
    values = {one.name: ranking.test(one) for one in results.experiments}
    bad = {name: as_shown(_badness(value, ranking), ranking.metric.kind) for name, value in values.items() if value}
    return {name: 1 + sum(other < mine for other in bad.values()) for name, mine in bad.items()}


def _badness(value: Statistic, ranking: Ranking) -> float:
    """Return a number that is lower where the value is better; what is no number is worst."""
    mean = value.sortable
    return -mean if ranking.metric.higher_is_better and mean != float("inf") else mean


def _chance(results: Results, found: Sequence[Ranking]) -> str:
    told = []
    for ranking in found:
        if ranking.perturbation:
            told.append(chance.degradation(results, ranking.perturbation))
        elif ranking is CLEAN[0]:
            told.append(chance.accuracy(results))
    return chance.note(results, told, [value for one in results.experiments if (value := found[0].test(one))])


def _name(ranking: Ranking) -> str:
    """Return the key of its column."""
    return ranking.key if ranking.perturbation else ranking.metric.name
