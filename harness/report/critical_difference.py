"""The critical-difference diagram (Demšar, 2006): mean ranks on a line, and bars over those that do not differ."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from harness.metrics.over_datasets import OverDatasets
from harness.report.colours import INK
from harness.report.figure import Figure, layered, source
from harness.report.intervals import title
from harness.report.labels import shortened
from harness.results.datasets.compared import Compared
from harness.text import counted

_MOST = 40
"""The most experiments of a diagram: of more, names have no room."""
_NAME = 24
"""The most characters of a name."""
_STEP = 22
"""Pixels between two names."""
_WIDTH = 520
_ABOVE = 3.0
"""Lines above the axis: the bar of the critical difference."""


def figure(comparison: Compared) -> Figure | None:
    """Return the diagram of a comparison; None where fewer than two are ranked, nothing is tested, or too many are."""
    over = comparison.over
    if over is None or over.critical is None or not 2 <= len(comparison.ranked) <= _MOST:
        return None
    order = [comparison.ranked.index(name) for name in comparison.order if name in comparison.ranked]
    bars = groups(over, order)
    return _drawn(comparison, over, order, bars)


def groups(over: OverDatasets, order: Sequence[int]) -> list[tuple[int, int]]:
    """Return the longest runs of experiments, the best first, of which no two differ; positions of first and last.

    Mean ranks are on a line, so that all between two that do not differ do not differ from them either.
    """
    runs: list[tuple[int, int]] = []
    for first in range(len(order)):
        last = first
        while last + 1 < len(order) and not over.differ[order[first], order[last + 1]]:
            last += 1
        if last > first and (not runs or runs[-1][1] < last):
            runs.append((first, last))
    return runs


def _drawn(comparison: Compared, over: OverDatasets, order: Sequence[int], bars: Sequence[tuple[int, int]]) -> Figure:
    import altair as alt
    import pandas as pd

    count = len(order)
    left = ceil(count / 2)
    ranks = [float(over.mean_ranks[at]) for at in order]
    names = [comparison.ranked[at] for at in order]
    short = shortened(names, _NAME)
    below = len(bars) + 0.6
    room = (count - 1) * 0.5
    ends = (1.0 - room, count + room)  # of the names, beyond the axis
    lines: list[dict[str, Any]] = []
    for place, (name, rank) in enumerate(zip(names, ranks, strict=True)):
        on_left = place < left
        depth = below + (place if on_left else count - 1 - place) + 0.5
        edge = 1.0 - 0.12 * room if on_left else count + 0.12 * room
        lines.append(
            {
                "experiment": name, "label": short.get(name, name), "mean_rank": rank, "depth": depth, "edge": edge,
                "axis": 0.0,
                "side": "left" if on_left else "right",
            }
        )  # fmt: skip
    spans = [
        {"from": ranks[first] - 0.02 * count, "to": ranks[last] + 0.02 * count, "depth": 0.6 + at}
        for at, (first, last) in enumerate(bars)
    ]
    critical = float(over.critical or 0.0)
    scale = [{"from": 1.0, "to": 1.0 + critical, "depth": -_ABOVE + 1.4, "label": f"CD {critical:.2f}"}]
    marks = [{"rank": float(rank), "depth": 0.0, "top": -0.35, "label": str(rank)} for rank in range(1, count + 1)]
    deepest = max(line["depth"] for line in lines) + 0.7
    x = alt.Scale(domain=[min(ends[0], 1.0), max(ends[1], 1.0 + critical)], nice=False, zero=False)
    y = alt.Scale(domain=[deepest, -_ABOVE], nice=False, zero=False)

    def across(field: str) -> Any:
        return alt.X(f"{field}:Q", scale=x, axis=None)

    def down(field: str) -> Any:
        return alt.Y(f"{field}:Q", scale=y, axis=None)

    tips = ["experiment:N", alt.Tooltip("mean_rank:Q", format=".3f")]
    base = alt.Chart(source())
    drop = base.mark_rule(color=INK, strokeWidth=1.5).encode(x=across("mean_rank"), y=down("axis"), y2="depth:Q")
    elbow = base.mark_rule(color=INK, strokeWidth=1.5).encode(x=across("mean_rank"), x2="edge:Q", y=down("depth"))
    sides = [base.transform_filter(f"datum.side == '{side}'") for side in ("left", "right")]
    marks_of_names = (
        sides[0].mark_text(align="right", dx=-5, fontSize=12),
        sides[1].mark_text(align="left", dx=5, fontSize=12),
    )
    words = [mark.encode(x=across("edge"), y=down("depth"), text="label:N", tooltip=tips) for mark in marks_of_names]
    axis = alt.Chart(source("axis"))
    line = alt.Chart(source("line")).mark_rule(strokeWidth=1.5).encode(x=across("from"), x2="to:Q", y=down("depth"))
    ticks = axis.mark_rule().encode(x=across("rank"), y=down("top"), y2="depth:Q")
    numbers = axis.mark_text(dy=-8, fontSize=11).encode(x=across("rank"), y=down("top"), text="label:N")
    width = alt.Chart(source("critical"))
    measure = width.mark_rule(strokeWidth=2).encode(x=across("from"), x2="to:Q", y=down("depth"))
    caption = width.mark_text(align="left", dy=-9, fontSize=11).encode(
        x=across("from"), y=down("depth"), text="label:N"
    )
    parts = [line, ticks, numbers, measure, caption, drop, elbow, *words]
    beside = {
        "line": pd.DataFrame([{"from": 1.0, "to": float(count), "depth": 0.0}]),
        "axis": pd.DataFrame(marks),
        "critical": pd.DataFrame(scale),
    }
    if spans:
        beside["groups"] = pd.DataFrame(spans)
        bar = alt.Chart(source("groups")).mark_rule(strokeWidth=5, strokeCap="round", color=INK, opacity=0.55)
        parts.append(bar.encode(x=across("from"), x2="to:Q", y=down("depth")))
    chart = layered(*parts, width=_WIDTH, height=max(120, int(_STEP * (deepest + _ABOVE))))
    return Figure(
        key=f"critical-difference-{comparison.key}",
        title=f"{title(comparison.ranking)}, mean ranks over "
        f"{counted(len(comparison.counting), 'dataset')}, with the critical difference",
        alternative=_alternative(names, ranks, critical, bars),
        frame=pd.DataFrame(lines),
        chart=chart,
        note=_note(over),
        beside=beside,
    )


def _alternative(names: list[str], ranks: list[float], critical: float, bars: Sequence[tuple[int, int]]) -> str:
    """Return in words what one sees."""
    placed = ", ".join(f"{name} {rank:.2f}" for name, rank in zip(names, ranks, strict=True))
    joined = "; ".join(f"{names[first]} to {names[last]}" for first, last in bars)
    alike = f"Not significantly different: {joined}." if joined else "All differ significantly."
    return f"Mean ranks, 1 the best: {placed}. Critical difference {critical:.2f}. {alike}"


def _note(over: OverDatasets) -> str:
    """Return what bars and CD mean."""
    if over.friedman is None:
        return "A bar joins the two if they do not differ significantly by Wilcoxon's signed-rank test (5 %)."
    if not over.friedman.significant:
        return "Friedman's test finds no difference (5 %), so a bar joins all."
    return (
        "Bars join experiments that do not differ significantly by Nemenyi's test (5 %). CD: the critical difference."
    )
