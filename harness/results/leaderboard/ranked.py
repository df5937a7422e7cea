"""The leaderboards: every planned experiment, ranked by metrics on the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.metrics.catalogue import CATALOGUE
from harness.metrics.statistic import Kind
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard import certainty, notes
from harness.results.leaderboard.rankings import Ranking, headlines, leading, ordered, places, rankings
from harness.results.results import Results
from harness.results.tables.model import Column, Marked, Ranked, Table
from harness.results.tables.notes import brief
from harness.text import counted


def overview(results: Results) -> Table:
    """Return one table of all rankings: each value with its rank, in the order that the suite asks for.

    Of more than a few perturbations each has a separate table, and this one the means over them.
    """
    headings, order = headlines(results), leading(results)
    base = results.baseline
    columns = [
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=2),
        Column("backend", "Backend", minor=1),
    ]
    columns += [Column(_name(ranking), ranking.heading, ranking.metric.kind) for ranking in headings]
    if base:
        columns.append(Column("over_baseline", f"vs {base.name}, pp", Kind.points))
    columns += [Column.of(CATALOGUE["val_accuracy"]), Column("status", "Status", joined=True)]
    ranks = {ranking.key: places(results, ranking) for ranking in headings}
    lines = []
    for experiment in ordered(results, order):
        line = _about(experiment) | {"val_accuracy": experiment.statistic("val_accuracy")}
        for ranking in headings:
            value = ranking.test(experiment)
            line[_name(ranking)] = Ranked(value, ranks[ranking.key][experiment.name]) if value else None
        if base and base is not experiment:
            line["over_baseline"] = over(results, experiment, base, "test_accuracy")
        lines.append(line)
    sets = any(place.low is not None for by_experiment in ranks.values() for place in by_experiment.values())
    title = _title(results, f"value on the test rows · rank{' [low–high]' if sets else ''}")

    def noted(part: Table) -> str:
        in_part = [ranking for ranking in headings if part.has(_name(ranking))]
        return brief(
            notes.excluded(results),
            notes.lost(results),
            notes.unmeasured(results),
            notes.unavailable(results, results.severities),
            _not_leading(results, order),
            notes.seeds(results.trained),
            marks_over(base, part),
            *(certainty.settling(results, order) if in_part else ()),
            notes.corruptions(results) if any(ranking.metric.ratio for ranking in in_part) else "",
            signs=[
                *certainty.signs(results, order, part),
                notes.DEGRADATION if any(ranking.perturbation for ranking in in_part) else "",
            ],
        )

    return Table.explained("overview", title, columns, lines, noted)


def leaderboards(results: Results) -> list[Table]:
    """Return a leaderboard of each ranking."""
    return [_leaderboard(results, ranking) for ranking in rankings(results)]


def _leaderboard(results: Results, ranking: Ranking) -> Table:
    base = results.baseline if ranking.metric.kind is Kind.percent or ranking.metric.ratio else None
    unit = "" if ranking.metric.kind is Kind.loss else " %"
    columns = [
        Column("rank", "#", Kind.number),
        Column("experiment", "Experiment"),
        Column("group", "Group", minor=2),
        Column("backend", "Backend", minor=1),
        Column("test", "Degradation %" if ranking.perturbation else ranking.heading, ranking.metric.kind),
    ]
    if base:
        change = ranking.metric.unit.change
        columns.append(Column("over_baseline", f"vs {base.name}, pp", change))
    columns.append(Column("tied_with", "Tied with", minor=3))
    if ranking.metric.ratio and any(len(experiment.unavailable) for experiment in results.experiments):
        columns.append(Column("perturbations", "Perturbations"))
    if ranking.validation:
        columns.append(Column("validation", f"Validation{unit}", ranking.metric.kind))
    columns.append(Column("status", "Status", joined=True))
    ranks, tied = places(results, ranking), ranking.analysis(results).ranks
    lines = []
    for experiment in ordered(results, ranking):
        value = ranking.test(experiment) or (ranking.partial(experiment) if ranking.partial else None)
        line = _about(experiment) | {"rank": ranks.get(experiment.name), "test": value}
        line["perturbations"] = _covered(experiment, ranking)
        line["tied_with"] = tied[experiment.name].tied_with if experiment.name in tied else None
        line["validation"] = ranking.validation(experiment) if ranking.validation else None
        if base and base is not experiment:
            line["over_baseline"] = over(results, experiment, base, ranking.metric.name, brief=False)
        lines.append(line)

    def noted(part: Table) -> str:
        return brief(
            notes.excluded(results),
            notes.lost(results),
            notes.unmeasured(results) if not ranking.clean else "",
            notes.corruptions(results) if ranking.metric.ratio else "",
            notes.unavailable(results, _perturbations(results, ranking)),
            notes.seeds(results.trained),
            marks_over(base, part),
            *(certainty.settling(results, ranking) if part.has("rank", "test") else ()),
            signs=[
                *certainty.signs(results, ranking, part),
                notes.DEGRADATION if ranking.perturbation and part.has("test") else "",
            ],
        )

    return Table.explained(ranking.key, _title(results, ranking.title), columns, lines, noted)


def _perturbations(results: Results, ranking: Ranking) -> Sequence[str]:
    """Return the perturbations that a ranking is over."""
    if ranking.metric.ratio:
        return results.corruptions.asked
    return [ranking.perturbation] if ranking.perturbation else []


def _covered(experiment: ExperimentRows, ranking: Ranking) -> str | None:
    """Return how many of the suite's perturbations a corruption error is over: ``"18 of 20"``."""
    ratio, corruptions = ranking.metric.ratio, experiment.corruptions
    if ratio is None or not experiment.tested:
        return None
    return f"{len(corruptions.partial(ratio, experiment.tested[0]))} of {len(corruptions.asked)}"


def _not_leading(results: Results, order: Ranking) -> str:
    """Say why the overview is not in the order that the suite asks for, empty where it is."""
    by = results.suite.leaderboard.by
    if order.metric.name == by:
        return ""
    tested = any(experiment.tested for experiment in results.experiments)
    return f"In the order of accuracy: no experiment has {CATALOGUE[by].heading}." if tested else ""


def over(
    results: Results, experiment: ExperimentRows, base: ExperimentRows, metric: str, *, brief: bool = True
) -> Marked | None:
    """Return how much an experiment is above the baseline; ``brief``: for a narrow column."""
    return Marked.of(results.over(experiment, base, metric), brief=brief)


def marks_over(base: ExperimentRows | None, part: Table) -> str:
    """Say what the signs in that column mean."""
    return notes.marks(f"vs {base.name}", part.values("over_baseline")) if base and part.has("over_baseline") else ""


def _about(experiment: ExperimentRows) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "group": experiment.first.group,
        "backend": experiment.backend,
        "status": experiment.standing,
    }


def _title(results: Results, what: str) -> str:
    counts = results.counts
    return (
        f"{results.title} · {results.data} · {counts['done']} of {counted(counts['planned'], 'trial')} done, "
        f"{counts['tested']} tested · {what}"
    )


def _name(ranking: Ranking) -> str:
    """Return the key of its column."""
    return ranking.key if ranking.perturbation else ranking.metric.name
