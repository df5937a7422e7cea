"""The heat map of experiments by perturbations: corruption errors where there are any, else mean degradations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.metrics.statistic import Statistic
from harness.report.figure import Figure, layered, source
from harness.report.labels import labelled, shortened
from harness.report.reading import Material
from harness.results.leaderboard import notes
from harness.results.leaderboard.perturbations import over_perturbations
from harness.results.tables.model import Marked, Table, Unavailable
from harness.results.tables.notes import brief

_ROW, _COLUMN, _NAME = 22, 58, 20
"""Pixels of a perturbation's row and of an experiment's column; the most characters of a name above a column."""
_MEANS = {"mean_corruption_error": "mCE", "relative_mean_corruption_error": "relative mCE"}


def figures(material: Material) -> list[Figure]:
    """Return the heat map of the experiments that are looked at closely; none of fewer than two perturbations."""
    by_key = {table.key: table for table in over_perturbations(material.results)}
    table = by_key.get("corruption-errors") or by_key.get("degradations")
    near = [tested.name for tested in material.closer]
    if table is None or not near:
        return []
    relative = table.key == "corruption-errors"
    note = brief(
        notes.unavailable(material.results, material.results.severities),
        notes.corruptions(material.results) if relative else notes.DEGRADATION,
    )
    return [_figure(table, near, material.results.families, note)]


def _figure(table: Table, names: Sequence[str], families: Mapping[str, str], note: str) -> Figure:
    import altair as alt
    import pandas as pd

    relative = table.key == "corruption-errors"
    rows = [column.key for column in table.columns[1:]]
    order = [*(row for row in rows if row in _MEANS), *_by_family([row for row in rows if row not in _MEANS], families)]
    by_name = {line["experiment"]: line for line in table.lines}
    lines = [
        {"experiment": name, "perturbation": _MEANS.get(row, row), "family": families.get(row, ""),
         **_cell(by_name[name].get(row))}
        for row in order
        for name in names
        if name in by_name
    ]  # fmt: skip
    frame = pd.DataFrame(lines)
    if relative:
        fill = alt.Color(
            "value:Q", legend=None,
            scale=alt.Scale(domain=[40, 100, 160], range=["#0072B2", "#f4f4f4", "#D55E00"], clamp=True),
        )  # fmt: skip
        light = "datum.value === null || (datum.value > 62 && datum.value < 138)"
    else:
        top = max(1.0, float(frame["value"].max(skipna=True) or 1.0))
        fill = alt.Color("value:Q", legend=None, scale=alt.Scale(domain=[0, top], range=["#f4f4f4", "#D55E00"]))
        light = f"datum.value === null || datum.value < {0.75 * top}"
    axis: Any = labelled(shortened(list(names), _NAME))
    long = any(len(name) > 7 for name in names)
    x = alt.X(
        "experiment:N", title=None, sort=list(names),
        axis=alt.Axis(orient="top", labelAngle=-40 if long else 0, ticks=False, domain=False, **axis),
    )  # fmt: skip
    sort = [_MEANS.get(row, row) for row in order]
    y = alt.Y("perturbation:N", title=None, sort=sort, axis=alt.Axis(ticks=False, domain=False, labelLimit=150))
    tips = [
        alt.Tooltip("experiment:N"), alt.Tooltip("perturbation:N"), alt.Tooltip("family:N"),
        alt.Tooltip("value:Q", title="corruption error, %" if relative else "degradation, %", format=".1f"),
        alt.Tooltip("low:Q", format=".1f"), alt.Tooltip("high:Q", format=".1f"), alt.Tooltip("note:N"),
    ]  # fmt: skip
    base = alt.Chart(source()).encode(x=x, y=y)
    cells = base.mark_rect().encode(color=fill, tooltip=tips)
    words = base.mark_text(fontSize=11).encode(
        text="text:N", color=alt.condition(light, alt.value("#1b1f24"), alt.value("#ffffff")), tooltip=tips
    )
    chart = layered(cells, words, width=_COLUMN * len(names), height=_ROW * len(order))
    known = frame[frame["value"].notna()]
    worst = known.sort_values("value", ascending=False).head(3)
    said = ", ".join(f"{line.experiment} under {line.perturbation} {line.value:.0f}" for line in worst.itertuples())
    return Figure(
        key=table.key,
        title="Corruption errors, % of the baseline's" if relative else "Mean degradation, %",
        alternative=f"Highest: {said}.",
        frame=frame,
        chart=chart,
        fluid=False,
        note=note,
    )


def _by_family(rows: Sequence[str], families: Mapping[str, str]) -> list[str]:
    """Return perturbations with those of a family together, families in the order of their first."""
    order = list(dict.fromkeys(families.get(row, "") for row in rows))
    return sorted(rows, key=lambda row: order.index(families.get(row, "")))


def _cell(value: Any) -> dict[str, Any]:
    if isinstance(value, Unavailable):
        return {"value": None, "low": None, "high": None, "text": "n/a", "note": value.reason}
    low, high = (value.interval or (None, None)) if isinstance(value, Marked) else (None, None)
    statistic = value.value if isinstance(value, Marked) else value
    if not isinstance(statistic, Statistic):
        return {"value": None, "low": None, "high": None, "text": "–", "note": "not defined"}
    return {"value": statistic.mean, "low": low, "high": high, "text": f"{statistic.mean:.0f}", "note": ""}
