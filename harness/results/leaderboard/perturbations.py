"""Experiments by perturbations: corruption errors, degradations, and accuracies under attack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.quantities import BY_FAMILY, Quantity
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
    if not any(one.tested for one in results.experiments):
        return []
    found = _corruption_errors(results, asked) + _degradations(results, asked) if len(asked) > 1 else []
    attacks = [name for name in asked if results.families.get(name) == ADVERSARIAL]
    return found + ([_attacked(results, attacks)] if attacks else [])


def _corruption_errors(results: Results, asked: Sequence[str]) -> list[Table]:
    corruptions = results.corruptions
    if not corruptions.several:
        return []

    def cell(one: ExperimentRows, names: Sequence[str]) -> Cell:
        conditions = tuple(Condition(name, ALL) for name in names)
        value = _mean(one, names, [Quantity(BY_FAMILY, (condition,)) for condition in conditions])
        return _judged(results, one, value, Quantity(BY_FAMILY, conditions)) if isinstance(value, Statistic) else value

    note = brief(
        notes.unmeasured(results),
        notes.corruptions(results),
        notes.unavailable(results, asked),
        _legend(results),
    )
    means = [CATALOGUE[name] for name in _MEANS]
    return _both(results, "corruption-errors", "Corruption errors %", corruptions.asked, cell, note, means)


def _judged(results: Results, one: ExperimentRows, value: Statistic | None, quantity: Quantity) -> Cell:
    """Return a corruption error, or a mean of some, with its interval and the mark of its difference to 100."""
    base = results.baseline
    if value is None or base is None or base is one:
        return value and Marked(value, None, None, brief=True)
    found = results.over(one, base, quantity.metric, quantity.conditions)
    if found is None:
        return Marked(value, None, None, brief=True)
    ends = None if found.interval is None else (found.interval[0] + 100.0, found.interval[1] + 100.0)
    p, p_holm = (found.pair.p, found.pair.p_holm) if found.pair else (None, None)
    return Marked(value, ends, found.mark, brief=True, p=p, p_holm=p_holm)


def _legend(results: Results) -> str:
    base = results.baseline
    return f"▲ better, ▼ worse than {base.name}, ≈ not significant (5 %, Holm)." if base else ""


def _degradations(results: Results, asked: Sequence[str]) -> list[Table]:
    def cell(one: ExperimentRows, names: Sequence[str]) -> Cell:
        return _mean(one, names, [Quantity("degradation", _noisy(results, name)) for name in names])

    note = brief(notes.unmeasured(results), notes.unavailable(results, asked), notes.DEGRADATION)
    return _both(results, "degradations", "Mean degradation %", asked, cell, note, [])


def _noisy(results: Results, name: str) -> tuple[Condition, ...]:
    return tuple(Condition(name, severity) for severity in sorted(set(results.severities[name])) if severity > 0)


def _mean(one: ExperimentRows, names: Sequence[str], quantities: Sequence[Quantity]) -> Statistic | Unavailable | None:
    """Return the mean over perturbations, over the seeds that have a value of each; none where any lacks it."""
    lacking = next((name for name in names if name in one.unavailable), None)
    if lacking is not None:
        return Unavailable(f"{lacking}: {one.unavailable[lacking]}")
    each = [values_of(one, quantity) for quantity in quantities]
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
        defined = {family: [one for one in members if one not in _undefined(results, key)]
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
    for one in results.experiments:
        if one.tested:
            line: dict[str, Any] = {"experiment": one.name}
            line |= {
                metric.name: _judged(results, one, one.statistic(metric.name), Quantity(metric.name))
                for metric in means
            }
            lines.append(line | {name: cell(one, members) for name, members in groups.items()})
    return Table(key, f"{title} · {results.data}", columns, lines, note)


def _attacked(results: Results, attacks: Sequence[str]) -> Table:
    """Return robust accuracies under each attack: severities are distances in units of the pixels' range."""
    conditions = [condition for name in attacks for condition in _noisy(results, name)]
    columns = [Column("experiment", "Experiment"), Column("clean", "Clean", Kind.percent)]
    columns += [Column(_key(each), f"{each.perturbation} {each.severity:g}", Kind.percent) for each in conditions]
    lines: list[dict[str, Any]] = []
    for one in results.experiments:
        if not one.tested:
            continue
        line: dict[str, Any] = {"experiment": one.name, "clean": one.statistic("test_accuracy")}
        for each in conditions:
            why = one.unavailable.get(each.perturbation or "")
            line[_key(each)] = Unavailable(why) if why else _robust(results, one, each)
        lines.append(line)
    note = brief(
        notes.unavailable(results, attacks),
        _legend(results),
        "Right as it is and under the attack: an upper bound, as a stronger attack may find more.",
    )
    return Table("robust-accuracy", f"Robust accuracy % under attack, by ε · {results.data}", columns, lines, note)


def _robust(results: Results, one: ExperimentRows, condition: Condition) -> Cell:
    """Return a robust accuracy with its interval, and the mark of its difference to the baseline's."""
    value = one.statistic("robust_accuracy", condition)
    if value is None:
        return None
    level = results.analysis("robust_accuracy", (condition,)).level(one.name)
    ends = None if level is None or level.low is None or level.high is None else (level.low, level.high)
    base = results.baseline
    found = None if base is None or base is one else results.over(one, base, "robust_accuracy", (condition,))
    p, p_holm = (found.pair.p, found.pair.p_holm) if found and found.pair else (None, None)
    return Marked(value, ends, found.mark if found else None, brief=True, p=p, p_holm=p_holm)


def _key(condition: Condition) -> str:
    return f"{condition.perturbation}_{condition.severity:g}"
