"""The results of a suite's runs: side by side in tables, over time in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.metrics.statistic import Kind
from harness.publish.published import METRICS, PublishedRun
from harness.report.colours import PALETTE, TOGETHER
from harness.report.figure import Figure, chosen, layered, source
from harness.report.sheets import Sheet, sheet
from harness.results.tables.model import Column, Table

if TYPE_CHECKING:
    from harness.metrics.catalogue import Metric

NEWEST = 8
"""The most runs beside each other in a table; figures have all."""
_NOTE = "Mean ± SD over seeds. The runs have the same test rows; intervals of a difference: harness compare."


def sheets(runs: Sequence[PublishedRun], key: str) -> list[Sheet]:
    """Return a table for each metric: a line an experiment, a column a run, the newest last."""
    return [_sheet(runs[-NEWEST:], metric, key) for metric in METRICS if any(run.values[metric.name] for run in runs)]


def _sheet(runs: Sequence[PublishedRun], metric: Metric, key: str) -> Sheet:
    named = labels(runs)
    columns = [
        Column("experiment", "Experiment"),
        *(Column(run.folder, named[run.folder], metric.kind) for run in runs),
    ]
    lines = [
        {"experiment": name} | {run.folder: run.values[metric.name].get(name) for run in runs}
        for name in experiments(runs)
    ]
    unit = " %" if metric.kind is Kind.percent else ""
    return sheet(Table(f"{key}-{metric.name}", f"{metric.heading}{unit}, by run", columns, lines, note=_NOTE))


def experiments(runs: Sequence[PublishedRun]) -> list[str]:
    """Return the tested experiments of some runs, in the order of the newest run that has them."""
    return list(dict.fromkeys(name for run in reversed(runs) for name in run.experiments))


def labels(runs: Sequence[PublishedRun]) -> dict[str, str]:
    """Return how columns and axes name each run, by its folder: with that where two are of one minute and commit."""
    same = Counter(run.label for run in runs)
    return {run.folder: run.label if same[run.label] == 1 else f"{run.folder} {run.label}" for run in runs}


def figures(runs: Sequence[PublishedRun], key: str) -> list[Figure]:
    """Return each metric over time, of every few experiments; none of a single run."""
    if len(runs) < 2:
        return []
    names = experiments(runs)
    parts = [names[start : start + TOGETHER] for start in range(0, len(names), TOGETHER)]
    lines = {
        (metric, number): over_time(runs, metric.name, part)
        for metric in METRICS
        for number, part in enumerate(parts, 1)
    }
    return [
        _figure(each, metric, f"{key}-{metric.name}-{number}")
        for (metric, number), each in lines.items()
        if len({line["run"] for line in each}) > 1
    ]


def over_time(runs: Sequence[PublishedRun], metric: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a line for each run and experiment that has the metric: its mean, and one SD to both sides."""
    named = labels(runs)
    return [
        {
            "run": named[run.folder],
            "experiment": name,
            "mean": value.mean,
            "low": value.mean - (value.std or 0.0),
            "high": value.mean + (value.std or 0.0),
            "seeds": value.n,
        }
        for run in runs
        for name in names
        if (value := run.values[metric].get(name)) is not None
    ]


def _figure(lines: Sequence[dict[str, Any]], metric: Metric, key: str) -> Figure:
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame(lines)
    names = list(dict.fromkeys(frame["experiment"]))
    order = list(dict.fromkeys(frame["run"]))
    form = ".1%" if metric.kind is Kind.percent else ".3f"
    choice, opacity, _ = chosen()
    colour = alt.Color(
        "experiment:N", title=None, scale=alt.Scale(domain=names, range=list(PALETTE[: len(names)])),
        legend=alt.Legend(orient="bottom"),
    )  # fmt: skip
    x = alt.X("run:O", sort=order, title="run, by day and commit", axis=alt.Axis(labelAngle=-40, labelLimit=160))
    y = alt.Y("mean:Q", title=metric.title, scale=alt.Scale(zero=False), axis=alt.Axis(format=form))
    numbers = [alt.Tooltip(f"{end}:Q", format=form) for end in ("mean", "low", "high")]
    tips = [alt.Tooltip("run:O"), alt.Tooltip("experiment:N"), *numbers, alt.Tooltip("seeds:Q")]
    base = alt.Chart(source()).encode(x=x, color=colour, opacity=opacity, tooltip=tips)
    spans = base.mark_rule().encode(y=alt.Y("low:Q", title=metric.title), y2=alt.Y2("high:Q"))
    points = base.mark_line(point=True).encode(y=y)
    first, last = (frame[frame["run"] == run].set_index("experiment")["mean"] for run in (order[0], order[-1]))
    both = [name for name in names if name in first and name in last]
    moved = ", ".join(f"{name} {first[name]:{form}} to {last[name]:{form}}" for name in both[:3])
    return Figure(
        key=key,
        title=f"{metric.title} over time",
        alternative=f"{len(order)} runs, from {order[0]} to {order[-1]}: {moved or 'no experiment is in both'}.",
        frame=frame,
        chart=layered(spans, points, params=[choice]),
        note="Point: mean over seeds; line across it: ± one standard deviation.",
    )
