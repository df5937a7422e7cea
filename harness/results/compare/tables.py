"""A comparison as tables: an overview, every metric, and what was changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.metrics.catalogue import CATALOGUE, Metric
from harness.metrics.comparisons import SIGNS, Difference, Mark
from harness.metrics.statistic import Kind
from harness.metrics.units import UNITS, Unit, under
from harness.results.leaderboard.notes import legend
from harness.results.tables.inference import pair_cells, pair_columns
from harness.results.tables.model import Column, Table
from harness.results.tables.notes import brief
from harness.rows import ALL, Condition
from harness.text import counted, some

if TYPE_CHECKING:
    from harness.results.compare.comparison import Comparison

_NAMED = 4
"""The most metrics of a mark, and experiments of a metric, that a sentence names."""
_WORDS = {Mark.same: "equal to the last bit", Mark.insignificant: "not significantly different"}
"""What a sentence calls marks that tables have a shorter word for."""
BRIEF = ("overview", "settings", "environment", "unmatched")
"""The tables that answer the first questions; the others have every metric."""


def tables(comparison: Comparison) -> list[Table]:
    """Return the tables that have something to say: `BRIEF` ones, and one for each unit of metrics."""
    found = [_overview(comparison)]
    for unit in UNITS:
        chosen = [difference for difference in comparison.differences if CATALOGUE[difference.metric].unit is unit]
        if chosen:
            found.append(_every(unit, f"{unit.name} · {_title(comparison)}", chosen))
    changes = (_settings(comparison), _environment(comparison), _unmatched(comparison))
    return found + [table for table in changes if table.lines]


def spoken(comparison: Comparison) -> str:
    """Return a comparison in sentences: how many differences are what, and which are significant.

    ``12 trials are in both runs. Values compared: 240 equal to the last bit, 1 worse. Worse: val_loss of A.``
    """
    # What the machine did differs between two runs of the same bits: it is counted apart, and no verdict.
    machine = [difference for difference in comparison.differences if CATALOGUE[difference.metric].of_machine]
    marks = Counter(
        difference.mark for difference in comparison.differences if not CATALOGUE[difference.metric].of_machine
    )
    marked = ", ".join(f"{count} {_WORDS.get(mark, mark.value)}" for mark, count in marks.most_common())
    trials = sum(map(len, comparison.seeds.values()))
    both = f"{counted(trials, 'trial')} {'is' if trials == 1 else 'are'} in both runs."
    counts = f"{both} Values compared: {marked or 'none'}."
    named = [_named(comparison, mark) for mark in (Mark.worse, Mark.better, Mark.changed)]
    moved = sum(difference.mark in {Mark.worse, Mark.better, Mark.changed} for difference in machine)
    apart = f"Times and memory: {moved} changed." if moved else ""
    return " ".join(filter(None, [counts, *named, apart]))


def _named(comparison: Comparison, mark: Mark) -> str:
    """Say which metrics have a mark, of which experiments: ``"Worse: val_loss of A, B; gap of B."``."""
    order = {metric: place for place, metric in enumerate(CATALOGUE)}
    having: dict[tuple[str, Condition], list[str]] = {}
    for difference in sorted(comparison.differences, key=lambda difference: order[difference.metric]):
        if difference.mark is mark and not CATALOGUE[difference.metric].of_machine:
            having.setdefault((difference.metric, difference.condition), []).append(difference.experiment)
    # Severities at which the same experiments differ share a line.
    alike: dict[tuple[str, str | None, tuple[str, ...]], list[float]] = {}
    for (metric, (name, severity)), experiments in having.items():
        alike.setdefault((metric, name, tuple(experiments)), []).append(severity)
    if not alike:
        return ""
    parts = []
    for (metric, name, names), severities in list(alike.items())[:_NAMED]:
        each = ", ".join(f"{severity:g}" for severity in severities if severity != ALL)
        where = "" if name is None else f" under {name} {each}".rstrip()
        parts.append(f"{metric}{where} of {', '.join(names) if len(names) <= _NAMED else f'{len(names)} experiments'}")
    more = [f"and {len(alike) - _NAMED} more"] if len(alike) > _NAMED else []
    return f"{mark.value.capitalize()}: {'; '.join([*parts, *more])}."


def _title(comparison: Comparison) -> str:
    return f"{comparison.second} against {comparison.first} · {comparison.dataset.title or comparison.dataset.name}"


def _overview(comparison: Comparison) -> Table:
    """One line for each experiment: the change in what a leaderboard ranks by, and a sign for what it means."""
    differences = comparison.differences
    known = {difference.metric for difference in differences}
    shown = [metric for metric in CATALOGUE.values() if "comparison" in metric.shown and metric.name in known]
    headings = {metric.name for metric in shown}
    names = list(dict.fromkeys(difference.condition[0] for difference in differences if difference.condition[0]))
    columns = [Column("experiment", "Experiment"), Column("seeds", "Seeds", Kind.number)]
    columns += [Column(metric.name, _headline(metric), Kind.figure) for metric in shown]
    columns += [Column(f"under_{name}", f"Under {name}", Kind.figure) for name in names]
    # Figures are never cut: a change without its mark says nothing. Where they have no room, the table goes on below.
    lines: list[dict[str, Any]] = []
    in_lines: list[tuple[str, Difference]] = []
    for experiment, seeds in comparison.seeds.items():
        own = [difference for difference in differences if difference.experiment == experiment]
        line: dict[str, Any] = {"experiment": experiment, "seeds": len(seeds)}
        clean = [difference for difference in own if difference.condition[0] is None and difference.metric in headings]
        line |= {difference.metric: _change(difference) for difference in clean}
        in_lines += [(difference.metric, difference) for difference in clean]
        for name in names:
            under_it = [
                difference
                for difference in own
                if difference.condition[0] == name and difference.metric == "test_accuracy"
            ]
            line[f"under_{name}"] = _counted(under_it)
            in_lines += [(f"under_{name}", difference) for difference in under_it]
        lines.append(line)

    def noted(part: Table) -> str:
        experiments = part.values("experiment")
        in_part = [each for key, each in in_lines if part.has(key) and each.experiment in experiments]
        return _note(comparison, in_part)

    return Table.explained("overview", _title(comparison), columns, lines, noted)


def _headline(metric: Metric) -> str:
    """Return the heading of a column of changes; of what depends on the machine they are in percent of itself."""
    return metric.heading + (", %" if metric.of_machine else metric.unit.change_sign)


def _change(difference: Difference) -> str:
    """Return a change with its interval and the sign of what it means: ``"+0.12 [+0.07, +0.17] ▲"``."""
    metric, change = CATALOGUE[difference.metric], difference.change.mean
    if metric.of_machine:
        factor, digits = 100.0 / difference.first.mean if difference.first.mean else 0.0, 1
    else:
        factor, digits = (100.0, 2) if metric.unit.value is Kind.percent else (1.0, 4)
    ends = ", ".join(f"{end * factor:+z.{digits}f}" for end in difference.interval or ())
    interval = f" [{ends}]" if ends else ""
    return f"{change * factor:+z.{digits}f}{interval} {SIGNS[difference.mark]}".rstrip()


def _counted(differences: Sequence[Difference]) -> str:
    marks = Counter(difference.mark for difference in differences)
    return " ".join(f"{marks[mark]}{sign}" for mark, sign in SIGNS.items() if marks[mark])


def _note(comparison: Comparison, in_lines: Sequence[Difference]) -> str:
    """Return what there is to say of a comparison, and what the signs of the differences in the lines mean."""
    single = any(difference.pair and difference.pair.target == "networks" for difference in comparison.differences)
    intervals = any(difference.interval for difference in in_lines if difference.condition[0] is None)
    perturbed = any(difference.condition[0] for difference in in_lines)
    signs = legend({difference.mark for difference in in_lines})
    return brief(
        *_left_out(comparison),
        "One seed: about these networks, not about their recipes." if single else "",
        "Changed: neither way is better."
        if any(difference.mark is Mark.changed for difference in comparison.differences)
        else "",
        signs=[
            f"{signs}." if signs else "",
            f"[low, high]: 95 % CI over seeds and test {comparison.dataset.noun}." if intervals else "",
            "Under a perturbation: the number of severities with each sign." if perturbed else "",
        ],
    )


def _left_out(comparison: Comparison) -> list[str]:
    """Say, reason by reason, whose times are left out; what would give some is said where a limit asks for them."""
    having: dict[str, list[str]] = {}
    for experiment, why in comparison.times.items():
        having.setdefault(why.partition(". ")[0], []).append(experiment)
    return [
        f"{why[0].upper()}{why[1:]}." if len(names) == len(comparison.seeds) else f"Of {some(names)} {why}."
        for why, names in having.items()
    ]


def _every(unit: Unit, title: str, differences: Sequence[Difference]) -> Table:
    columns = [
        Column("experiment", "Experiment", names=True),
        Column("metric", "Metric", names=True),
        Column("first", "First", unit.value),
        Column("second", "Second", unit.value),
        Column("change", "Change", unit.change),
        *pair_columns(unit.change),
        Column("mark", "Mark"),
    ]
    lines: list[dict[str, Any]] = [
        {
            "experiment": difference.experiment,
            "metric": difference.metric + under(difference.condition),
            "first": difference.first,
            "second": difference.second,
            "change": difference.change.mean,
            **pair_cells(difference.pair if difference.interval else None),
            "mark": difference.mark.value,
        }
        for difference in differences
    ]
    return Table(unit.key, title, columns, lines)


def _settings(comparison: Comparison) -> Table:
    """Each change once, with the experiments that have it."""
    having: dict[str, list[str]] = {}
    for experiment, texts in comparison.settings.items():
        for text in texts:
            having.setdefault(text, []).append(experiment)
    every = "all compared" if comparison.left_out else "all"
    lines: list[dict[str, Any]] = [
        {"experiments": every if len(names) == len(comparison.seeds) else ", ".join(names), "change": text}
        for text, names in having.items()
    ]
    columns = [Column("experiments", "Experiments"), Column("change", "Change")]
    return Table("settings", "Settings that differ", columns, lines)


def _environment(comparison: Comparison) -> Table:
    lines: list[dict[str, Any]] = [
        {"key": key, "first": first, "second": second} for key, first, second in comparison.environment
    ]
    columns = [Column("key", "Environment"), Column("first", comparison.first), Column("second", comparison.second)]
    return Table("environment", "Environments that differ", columns, lines)


def _unmatched(comparison: Comparison) -> Table:
    lines: list[dict[str, Any]] = [
        {"experiment": unmatched.experiment, "seeds": ", ".join(map(str, unmatched.seeds)), "why": unmatched.why}
        for unmatched in comparison.unmatched
    ]
    columns = [Column("experiment", "Experiment"), Column("seeds", "Seeds"), Column("why", "Why")]
    return Table("unmatched", "Trials that only one run has done", columns, lines)
