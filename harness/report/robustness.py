"""Degradation curves: accuracy and its fall under each perturbation, by severity, with intervals over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.colours import apart, coloured, colours
from harness.report.figure import Figure, chosen, layered, listed, source, within
from harness.report.reading import CLOSER, Material
from harness.results.experiments import ExperimentRows, perturbations
from harness.results.leaderboard.rankings import many
from harness.rows import Condition

_MEASURES = {
    "accuracy": ("test_accuracy", "Accuracy", "accuracy", ".1%", ".0%"),
    "degradation": ("degradation", "Degradation", "degradation, %", ".1f", "~f"),
}


def figures(material: Material) -> list[Figure]:
    """Return two figures for each perturbation and every few of the most accurate experiments measured under it.

    Severity 0 alone is the clean images once more: no curve.
    """
    near = [tested.experiment for tested in material.closer]
    colour = colours(material.results.experiments)
    drawn = []
    for name, severities in perturbations(near).items():
        if not any(severity > 0 for severity in severities):
            continue
        measured = {each.name: each for each in near if name in perturbations([each])}
        for number, names in enumerate(apart(list(measured), colour), 1):
            part = [measured[each] for each in names]
            drawn += [_figure(measure, name, severities, number, part, colour) for measure in _MEASURES]
    return drawn


@dataclass(frozen=True)
class Group:
    """The curves of a family's perturbations."""

    title: str
    figures: list[Figure]


def groups(material: Material, drawn: Sequence[Figure]) -> list[Group]:
    """Return `figures` as a page shows them: all together, or, of many perturbations, the accuracies by family.

    Tables have the degradations.
    """
    if not many(material.results):
        return [Group("", list(drawn))] if drawn else []
    families = material.results.families
    named: dict[str, list[Figure]] = {}
    for name in material.results.perturbations:
        keys = {f"accuracy-{name}", *(f"accuracy-{name}-{number}" for number in range(2, 1 + CLOSER))}
        named.setdefault(families.get(name, "other"), []).extend(each for each in drawn if each.key in keys)
    return [Group(family, figures) for family, figures in named.items() if figures]


def curve(
    experiment: ExperimentRows, metric: str, perturbation: str, severities: Sequence[float]
) -> list[dict[str, Any]]:
    """Return a line for each severity: the mean over the seeds, and one standard deviation to both sides."""
    lines = []
    for severity in severities:
        value = experiment.statistic(metric, Condition(perturbation, severity))
        if value:
            spread = value.std or 0.0
            ends = {"mean": value.mean, "low": value.mean - spread, "high": value.mean + spread}
            lines.append({"experiment": experiment.name, "severity": severity, **ends, "seeds": value.n})
    return lines


def _figure(
    measure: str,
    perturbation: str,
    severities: Sequence[float],
    number: int,
    part: Sequence[ExperimentRows],
    colour: Mapping[str, str],
) -> Figure:
    import altair as alt
    import pandas as pd

    metric, title, axis, form, ticks = _MEASURES[measure]
    names = [experiment.name for experiment in part]
    frame = pd.DataFrame([line for experiment in part for line in curve(experiment, metric, perturbation, severities)])
    choice, opacity, faint = chosen()
    # Not by format=: that of an axis rounds to the distance between ticks, and these are not evenly apart.
    spelled = "format(datum.value, '~g')"
    tested = alt.Axis(values=sorted(set(frame["severity"])), labelExpr=spelled, labelOverlap="parity")
    x = alt.X("severity:Q", title="severity", axis=tested)
    base = alt.Chart(source()).encode(x=x, color=coloured(names, colour))
    scale = within(frame, fractions=measure == "accuracy")
    y = alt.Y("mean:Q", title=axis, axis=alt.Axis(format=ticks), scale=scale)
    tips = [
        alt.Tooltip("experiment:N"), alt.Tooltip("severity:Q"), alt.Tooltip("mean:Q", title=measure, format=form),
        alt.Tooltip("low:Q", format=form), alt.Tooltip("high:Q", format=form), alt.Tooltip("seeds:Q"),
    ]  # fmt: skip
    several = bool((frame["seeds"] > 1).any())
    layers = []
    if several:
        layers.append(base.mark_area(clip=True).encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), opacity=faint))
    layers.append(base.mark_line(strokeWidth=1.8).encode(y=y, opacity=opacity))
    layers.append(base.mark_point(filled=True, size=45).encode(y=y, tooltip=tips, opacity=opacity))
    changes = []
    for name, lines in frame.groupby("experiment", sort=False):
        first, last = lines.iloc[0], lines.iloc[-1]
        ends = f"{first['mean']:{form}} at {first['severity']:g} to {last['mean']:{form}} at {last['severity']:g}"
        changes.append(f"{name} goes from {ends}")
    return Figure(
        key=f"{measure}-{perturbation}" + (f"-{number}" if number > 1 else ""),
        title=f"{title} under {perturbation}, {listed(names)}",
        alternative=f"{title} by severity. {'; '.join(changes)}.",
        frame=frame,
        chart=layered(*layers, params=[choice]),
        note="Band: mean ± SD over seeds." if several else "",
    )
