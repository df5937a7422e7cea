"""Speed: samples a second and seconds a trial, of every experiment that is done."""

from __future__ import annotations

from typing import Any

from harness.leaderboard.experiments import ExperimentRows
from harness.leaderboard.speed import doubts
from harness.report.figure import PALETTE, Figure, sized, source
from harness.report.reading import Material

_MEASURES = {
    "samples_per_second": ("Training speed", "samples a second", True),
    "seconds": ("Time of a trial", "seconds, training and validation", False),
}
_MANY = 40


def figures(material: Material) -> list[Figure]:
    """Return two bar charts."""
    done = [one for one in material.experiments if one.done]
    return [_figure(measure, done) for measure in _MEASURES] if done else []


def bars(measure: str, done: list[ExperimentRows]) -> list[dict[str, Any]]:
    """Return a line for each experiment: mean, and one standard deviation to both sides.

    The fastest first, where the times can be ranked; otherwise in the suite's order.
    """
    lines = []
    for one in done:
        value = one.time(measure)
        if value:
            spread = value.std or 0.0
            ends = {"mean": value.mean, "low": value.mean - spread, "high": value.mean + spread}
            about = {"experiment": one.name, "backend": one.backend}
            lines.append({**about, **ends, "seeds": value.n, "contended": value.doubt})
    return lines if doubts(done) else sorted(lines, key=lambda line: line["mean"], reverse=_MEASURES[measure][2])


def _figure(measure: str, done: list[ExperimentRows]) -> Figure:
    import altair as alt
    import pandas as pd

    title, axis, _ = _MEASURES[measure]
    frame = pd.DataFrame(bars(measure, done))
    backends = list(dict.fromkeys(one.backend for one in done))
    y = alt.Y("experiment:N", sort=frame["experiment"].tolist(), title=None, axis=alt.Axis(labelLimit=160))
    scale = alt.Scale(domain=backends, range=[PALETTE[index % len(PALETTE)] for index in range(len(backends))])
    colour = alt.Color("backend:N", title=None, scale=scale, legend=alt.Legend(orient="bottom"))
    tips = [
        "experiment:N", "backend:N", alt.Tooltip("mean:Q", title=axis, format=",.1f"),
        alt.Tooltip("low:Q", format=",.1f"), alt.Tooltip("high:Q", format=",.1f"), "seeds:Q",
    ]  # fmt: skip
    base = alt.Chart(source()).encode(y=y)
    contended = bool((frame["contended"] != "").any())
    if contended:
        tips.append("contended:N")
    pale = alt.OpacityValue(1.0, condition={"test": "datum.contended != ''", "value": 0.35})
    x = alt.X("mean:Q", title=axis, axis=alt.Axis(format=",~s"))
    layers = [base.mark_bar().encode(x=x, color=colour, opacity=pale, tooltip=tips)]
    several = bool((frame["seeds"] > 1).any())
    if several:
        layers.append(base.mark_rule(strokeWidth=1.5).encode(x="low:Q", x2="high:Q"))
    first, last = frame.iloc[0], frame.iloc[-1]
    step = 20 if len(frame) <= _MANY else 13
    ends = f"from {first['experiment']}, {first['mean']:,.1f}, to {last['experiment']}, {last['mean']:,.1f}"
    why = doubts(done)
    order = "in the suite's order" if why else "fastest first"
    spread = "Line: ± one standard deviation over the seeds." if several else ""
    pale_ones = "Pale: contended." if contended else ""
    return Figure(
        key=measure.replace("_", "-"),
        title=title,
        alternative=f"Bars of {axis}, {order}: {ends}.",
        frame=frame,
        chart=sized(alt.layer(*layers), height=max(60, step * len(frame))),
        note=" ".join(filter(None, (spread, pale_ones, why))),
    )
