"""Speed: samples a second and seconds a trial, of every experiment that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from harness.report.colours import colours
from harness.report.figure import Figure, layered, source
from harness.report.labels import labelled, shortened
from harness.report.reading import Material
from harness.results.experiments import ExperimentRows
from harness.results.leaderboard.speed import doubts

_MEASURES = {
    "samples_per_second": ("Training speed", "samples a second", True),
    "seconds": ("Time of a trial", "training and validation", False),
}
_MANY = 40
_NAME = 26
"""The most characters of a name beside the bars."""
_UNITS = (("milliseconds", 1e-3, 1.0), ("seconds", 1.0, 180.0), ("minutes", 60.0, 10_800.0), ("hours", 3600.0, inf))
"""Units of time: seconds in one, and up to how many seconds it is used."""


def figures(material: Material) -> list[Figure]:
    """Return two bar charts."""
    done = [experiment for experiment in material.results.trained if experiment.done]
    shown = colours(material.results.trained)
    return [_figure(measure, done, shown, material.results.rerun) for measure in _MEASURES] if done else []


def bars(measure: str, done: list[ExperimentRows]) -> list[dict[str, Any]]:
    """Return a line for each experiment: mean, and one standard deviation to both sides.

    The fastest first, where the times can be ranked; otherwise in the suite's order.
    """
    lines = []
    for experiment in done:
        value = experiment.statistic(measure)
        if value:
            spread = value.std or 0.0
            ends = {"mean": value.mean, "low": value.mean - spread, "high": value.mean + spread}
            about = {"experiment": experiment.name, "backend": experiment.backend}
            lines.append({**about, **ends, "seeds": value.n, "contended": value.doubt})
    return lines if doubts(done) else sorted(lines, key=lambda line: line["mean"], reverse=_MEASURES[measure][2])


def unit(longest: float) -> tuple[str, float]:
    """Return the unit that times are read best in, and how many seconds it has, by the longest of them in seconds.

    >>> unit(0.48), unit(90), unit(4000), unit(86_400)
    (('milliseconds', 0.001), ('seconds', 1.0), ('minutes', 60.0), ('hours', 3600.0))
    """
    return next((name, seconds) for name, seconds, most in _UNITS if longest < most)


def _figure(
    measure: str, done: list[ExperimentRows], colour: Mapping[str, str], again: Sequence[str] = ("SUITE",)
) -> Figure:
    import altair as alt
    import pandas as pd

    title, axis, _ = _MEASURES[measure]
    frame = pd.DataFrame(bars(measure, done))
    each = 1.0
    if measure == "seconds":
        name, each = unit(float(frame["high"].max()))
        axis = f"{name}, {axis}"
    names = frame["experiment"].tolist()
    y = alt.Y("experiment:N", sort=names, title=None, axis=alt.Axis(labelLimit=190, **labelled(_labels(done))))
    scale = alt.Scale(domain=names, range=[colour[name] for name in names])
    tips = [
        "experiment:N", "backend:N", alt.Tooltip("value:Q", title=axis, format=",.1f"),
        alt.Tooltip("lower:Q", title="low", format=",.1f"), alt.Tooltip("upper:Q", title="high", format=",.1f"),
        "seeds:Q",
    ]  # fmt: skip
    sides = {"value": "mean", "lower": "low", "upper": "high"}
    base = alt.Chart(source()).encode(y=y)
    base = base.transform_calculate(**{shown: f"datum.{end} / {each:g}" for shown, end in sides.items()})
    contended = bool((frame["contended"] != "").any())
    if contended:
        tips.append("contended:N")
    pale = alt.OpacityValue(1.0, condition={"test": "datum.contended != ''", "value": 0.35})
    # Of a time "m" would be read as minutes; of a rate there are thousands.
    x = alt.X("value:Q", title=axis, axis=alt.Axis(format=",~f" if measure == "seconds" else ",~s"))
    bar = alt.Color("experiment:N", scale=scale, legend=None)
    layers = [base.mark_bar().encode(x=x, color=bar, opacity=pale, tooltip=tips)]
    several = bool((frame["seeds"] > 1).any())
    if several:
        layers.append(base.mark_rule(strokeWidth=1.5).encode(x=alt.X("lower:Q", title=axis), x2="upper:Q"))
    first, last = frame.iloc[0], frame.iloc[-1]
    step = 20 if len(frame) <= _MANY else 13
    ends = [f"{bar['experiment']}, {bar['mean'] / each:,.1f}" for bar in (first, last)]
    why = doubts(done, again)
    order = "in the suite's order" if why else "fastest first"
    spread = "Line: mean ± SD over seeds." if several else ""
    pale_ones = "Pale: contended." if contended else ""
    return Figure(
        key=measure.replace("_", "-"),
        title=title,
        alternative=f"Bars of {axis}, {order}: from {ends[0]}, to {ends[1]}.",
        frame=frame,
        chart=layered(*layers, height=max(60, step * len(frame))),
        note=" ".join(filter(None, (spread, pale_ones, why))),
    )


def _labels(done: list[ExperimentRows]) -> dict[str, str]:
    """Return the labels of the bars: the experiments, with their backends where there are several."""
    if len({experiment.backend for experiment in done}) == 1:
        return shortened([experiment.name for experiment in done], _NAME)
    room = max(12, _NAME - 2 - max(len(experiment.backend) for experiment in done))
    short = shortened([experiment.name for experiment in done], room)
    return {experiment.name: f"{short[experiment.name]}, {experiment.backend}" for experiment in done}
