"""Experiments by perturbations: corruption errors, degradations, and accuracies under attack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.quantities import BY_FAMILY, Quantity, worst_cases
from harness.metrics.statistic import Kind, Statistic
from harness.results.experiments import ExperimentRows
from harness.results.inference import values_of
from harness.results.leaderboard import notes
from harness.results.leaderboard.rankings import many
from harness.results.results import Results
from harness.results.tables.model import Column, Marked, Table, Unavailable
from harness.results.tables.notes import brief
from harness.rows import ADVERSARIAL, ALL, Condition, by_family

FAMILIES = "-families"
"""What a key ends with where the columns are means over the perturbations of a family."""
_MEANS = ("mean_corruption_error", "relative_mean_corruption_error")
Cell = Statistic | Marked | Unavailable | None
_Cell = Callable[[ExperimentRows, Sequence[str]], Cell]


def over_perturbations(results: Results) -> list[Table]:
    """Return the tables of several perturbations: corruption errors and degradations, and those of attacks.

    Where they are many, a second table of each has the mean over each family, which a terminal has room for.
    """
    asked = [name for name, severities in results.severities.items() if any(severity > 0 for severity in severities)]
    if not any(experiment.tested for experiment in results.experiments):
        return []
    tables = _corruption_errors(results, asked) + _degradations(results, asked) if len(asked) > 1 else []
    attacks = [name for name in asked if results.families.get(name) == ADVERSARIAL]
    return tables + ([_attacked(results, attacks)] if attacks else [])


def _corruption_errors(results: Results, asked: Sequence[str]) -> list[Table]:
    corruptions = results.corruptions
    if not corruptions.several:
        return []

    def cell(experiment: ExperimentRows, names: Sequence[str]) -> Cell:
        conditions = tuple(Condition(name, ALL) for name in names)
        value = _mean(experiment, names, [Quantity(BY_FAMILY, (condition,)) for condition in conditions])
        return (
            _judged(results, experiment, value, Quantity(BY_FAMILY, conditions))
            if isinstance(value, Statistic)
            else value
        )

    note = brief(
        notes.unmeasured(results),
        notes.corruptions(results),
        notes.unavailable(results, asked),
    )
    means = [CATALOGUE[name] for name in _MEANS]
    return _both(results, "corruption-errors", "Corruption errors %", corruptions.asked, cell, note, means)


def _judged(results: Results, experiment: ExperimentRows, value: Statistic | None, quantity: Quantity) -> Cell:
    """Return a corruption error, or a mean of some, with its interval and the mark of its difference to 100."""
    base = results.baseline
    if value is None or base is None or base is experiment:
        return value and Marked(value, None, None, brief=True)
    difference = results.over(experiment, base, quantity.metric, quantity.conditions)
    if difference is None:
        return Marked(value, None, None, brief=True)
    ends = None if difference.interval is None else (difference.interval[0] + 100.0, difference.interval[1] + 100.0)
    p, p_holm = (difference.pair.p, difference.pair.p_holm) if difference.pair else (None, None)
    return Marked(value, ends, difference.mark, brief=True, p=p, p_holm=p_holm)


def _legend(results: Results, part: Table) -> str:
    """Say what the signs in a part of a table mean, those that there are."""
    marks = {cell.mark for cell in part.cells if isinstance(cell, Marked) and cell.mark}
    return f"{notes.legend(marks, than=results.baseline.name)}." if marks and results.baseline else ""


def _degradations(results: Results, asked: Sequence[str]) -> list[Table]:
    def cell(experiment: ExperimentRows, names: Sequence[str]) -> Cell:
        return _mean(experiment, names, [Quantity("degradation", _noisy(results, name)) for name in names])

    note = brief(notes.unmeasured(results), notes.unavailable(results, asked), notes.DEGRADATION)
    return _both(results, "degradations", "Mean degradation %", asked, cell, note, [])


def _noisy(results: Results, name: str) -> tuple[Condition, ...]:
    return tuple(Condition(name, severity) for severity in sorted(set(results.severities[name])) if severity > 0)


def _mean(
    experiment: ExperimentRows, names: Sequence[str], quantities: Sequence[Quantity]
) -> Statistic | Unavailable | None:
    """Return the mean over perturbations, over the seeds that have a value of each; none where any lacks it."""
    lacking = next((name for name in names if name in experiment.unavailable), None)
    if lacking is not None:
        return Unavailable(f"{lacking}: {experiment.unavailable[lacking]}")
    each = [values_of(experiment, quantity) for quantity in quantities]
    seeds = [seed for seed in each[0] if all(seed in values for values in each)]
    return Statistic.of([fmean(values[seed] for values in each) for seed in seeds])


def _both(
    results: Results, key: str, title: str, names: Sequence[str], cell: _Cell, note: str, means: Sequence[Metric]
) -> list[Table]:
    """Return a table with a column for each perturbation; before it, of many, one with a column for each family."""
    each = {name: [name] for name in names}
    families = by_family(names, results.families)
    made = [_table(results, key, f"{title} by perturbation", each, cell, note, means)]
    if many(results) and 1 < len(families) < len(names):
        # A mean over fewer perturbations than a family has is none of that family.
        defined = {family: [member for member in members if member not in _undefined(results, key)]
                   for family, members in families.items()}  # fmt: skip
        columns = {family: members for family, members in defined.items() if members}
        note = brief(note, f"Each perturbation: -t {key}.")
        made.insert(0, _table(results, key + FAMILIES, f"{title} by family, mean", columns, cell, note, means))
    return made


def _undefined(results: Results, key: str) -> set[str]:
    return set(results.corruptions.asked) - set(results.corruptions.errors) if key == "corruption-errors" else set()


def _table(
    results: Results,
    key: str,
    title: str,
    groups: Mapping[str, Sequence[str]],
    cell: _Cell,
    note: str,
    means: Sequence[Metric],
) -> Table:
    columns = [Column("experiment", "Experiment"), *(Column.of(metric) for metric in means)]
    columns += [
        Column(name, f"{name} ({len(members)})" if len(members) > 1 else name, Kind.degradation)
        for name, members in groups.items()
    ]
    lines: list[dict[str, Any]] = []
    for experiment in results.experiments:
        if experiment.tested:
            line: dict[str, Any] = {"experiment": experiment.name}
            line |= {
                metric.name: _judged(results, experiment, experiment.statistic(metric.name), Quantity(metric.name))
                for metric in means
            }
            lines.append(line | {name: cell(experiment, members) for name, members in groups.items()})

    def noted(part: Table) -> str:
        return brief(note, signs=[_legend(results, part)])

    return Table.explained(key, f"{title} · {results.data}", columns, lines, noted)


def _attacked(results: Results, attacks: Sequence[str]) -> Table:
    """Return robust accuracies under each attack, and under all of a severity: it is in units of the pixels' range."""
    single = [condition for name in attacks for condition in _noisy(results, name)]
    worst = worst_cases(single)
    named: dict[str, tuple[Condition, ...]] = {f"{each.perturbation} {each.severity:g}": (each,) for each in single}
    named |= {f"all {each[0].severity:g}": each for each in worst}
    columns = [Column("experiment", "Experiment"), Column("clean", "Clean", Kind.percent)]
    columns += [Column(_key(name), name, Kind.percent) for name in named]
    lines: list[dict[str, Any]] = []
    for experiment in results.experiments:
        if not experiment.tested:
            continue
        line: dict[str, Any] = {"experiment": experiment.name, "clean": experiment.statistic("test_accuracy")}
        for name, conditions in named.items():
            why = next((experiment.unavailable[key] for key, _ in conditions if key in experiment.unavailable), "")
            line[_key(name)] = Unavailable(why) if why else _robust(results, experiment, conditions)
        lines.append(line)

    def noted(part: Table) -> str:
        every = any(column.heading.startswith("all ") for column in part.columns)
        return brief(
            notes.unavailable(results, attacks),
            "Right as it is and under the attack: an upper bound, as a stronger attack may find more.",
            signs=[
                _legend(results, part),
                "all: right as it is and under every attack at that ε." if every else "",
            ],
        )

    title = f"Robust accuracy % under attack, by ε · {results.data}"
    return Table.explained("robust-accuracy", title, columns, lines, noted)


def _robust(results: Results, experiment: ExperimentRows, conditions: tuple[Condition, ...]) -> Cell:
    """Return a robust accuracy with its interval, and the mark of its difference to the baseline's."""
    value = Statistic.of(list(results.values(experiment, Quantity("robust_accuracy", conditions)).values()))
    if value is None:
        return None
    level = results.analysis("robust_accuracy", conditions).level(experiment.name)
    ends = None if level is None or level.low is None or level.high is None else (level.low, level.high)
    base = results.baseline
    difference = (
        None if base is None or base is experiment else results.over(experiment, base, "robust_accuracy", conditions)
    )
    p, p_holm = (difference.pair.p, difference.pair.p_holm) if difference and difference.pair else (None, None)
    return Marked(value, ends, difference.mark if difference else None, brief=True, p=p, p_holm=p_holm)


def _key(name: str) -> str:
    return "_".join(name.rsplit(" ", 1))
