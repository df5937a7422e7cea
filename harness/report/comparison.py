"""The page of a comparison: its tables, and its differences drawn with their intervals."""

from __future__ import annotations

from typing import Any

from harness.report.figure import THEMES, Figure, layered, source
from harness.report.labels import labelled, shortened
from harness.report.page import bundle, templates
from harness.report.sheets import Sheet, choices, sheet
from harness.results.compare import Comparison, Mark, tables
from harness.results.compare.tables import BRIEF, spoken

_DRAWN = {"test_accuracy": "Test accuracy", "val_accuracy": "Validation accuracy"}
_LOOKS = {
    Mark.better: ("#009E73", "triangle-up"),
    Mark.worse: ("#D55E00", "triangle-down"),
    Mark.insignificant: ("#0072B2", "circle"),
    Mark.same: ("#CC79A7", "square"),
    Mark.changed: ("#E69F00", "diamond"),
    Mark.undecided: ("#8A8A8A", "cross"),
}
"""What each mark looks like: a colour and a shape."""
_NAME = 26
"""The most characters of a name beside the points."""


def render_comparison(comparison: Comparison) -> str:
    """Return the page.

    Raises:
        HarnessError: a library of the extra ``report`` is missing.
    """
    template = templates().get_template("comparison.html.j2")
    return str(template.render(**_content(comparison)))


def figures(comparison: Comparison) -> list[Figure]:
    """Return a figure for each accuracy that both runs have."""
    return [figure for metric in _DRAWN for figure in _figure(comparison, metric)]


def intervals(comparison: Comparison, metric: str) -> list[dict[str, Any]]:
    """Return a line for each experiment: the change of its clean metric in points, and its interval's ends."""
    return [
        {
            "experiment": difference.experiment,
            "change": 100 * difference.change.mean,
            "low": 100 * (difference.interval or (difference.change.mean,))[0],
            "high": 100 * (difference.interval or (difference.change.mean,))[-1],
            "mark": difference.mark.value,
            "seeds": difference.change.n,
        }
        for difference in comparison.differences
        if difference.metric == metric and difference.condition[0] is None
    ]


def _figure(comparison: Comparison, metric: str) -> list[Figure]:
    import altair as alt
    import pandas as pd

    lines = intervals(comparison, metric)
    if not lines:
        return []
    frame = pd.DataFrame(lines)
    marks = frame["mark"].unique().tolist()
    colours, shapes = ([_LOOKS[Mark(mark)][part] for mark in marks] for part in (0, 1))
    legend = alt.Legend(orient="bottom")
    colour = alt.Color("mark:N", title=None, scale=alt.Scale(domain=marks, range=colours), legend=legend)
    shape = alt.Shape("mark:N", title=None, scale=alt.Scale(domain=marks, range=shapes), legend=legend)
    numbers = [alt.Tooltip(f"{name}:Q", format="+.2f") for name in ("change", "low", "high")]
    tips = [alt.Tooltip("experiment:N"), *numbers, alt.Tooltip("mark:N")]
    axis = alt.Axis(labelLimit=190, **labelled(shortened(frame["experiment"], _NAME)))
    y = alt.Y("experiment:N", sort=None, title=None, axis=axis)
    base = alt.Chart(source()).encode(y=y, color=colour, tooltip=tips)
    zero = alt.Chart(source()).mark_rule(strokeDash=[3, 3]).encode(x=alt.datum(0.0))
    spans = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="percentage points"), x2="high:Q")
    points = base.mark_point(filled=True, size=60, opacity=1).encode(x="change:Q", shape=shape)
    most, least = max(lines, key=lambda line: line["change"]), min(lines, key=lambda line: line["change"])
    ends = f"from {least['experiment']}, {least['change']:+.2f}, to {most['experiment']}, {most['change']:+.2f}"
    figure = Figure(
        key=f"change-{metric.replace('_', '-')}",
        title=f"{_DRAWN[metric]}, change",
        alternative=f"Each experiment's change in percentage points, with its 95 % confidence interval: {ends}.",
        frame=frame,
        chart=layered(zero, spans, points, height=max(80, 22 * len(frame))),
        note="Point: mean over the seeds that both runs have; line: its 95 % confidence interval.",
    )
    return [figure]


def _content(comparison: Comparison) -> dict[str, Any]:
    made = [
        sheet(
            table,
            (lambda line: {"mark": [line["mark"]]}) if "mark" in {column.key for column in table.columns} else None,
        )
        for table in tables(comparison)
    ]
    named: dict[str, Sheet] = {sheet.key: sheet for sheet in made}
    metrics = [sheet for sheet in made if sheet.key not in BRIEF]
    seeds = sorted({seed for found in comparison.seeds.values() for seed in found})
    return {
        "title": f"{comparison.second} against {comparison.first}",
        "verdict": spoken(comparison),
        "facts": [
            ("Data", comparison.dataset.title or comparison.dataset.name),
            ("Experiments", ", ".join(comparison.seeds) or "none in common"),
            ("Seeds", ", ".join(map(str, seeds)) or "none in common"),
        ],
        "overview": named["overview"],
        "metrics": metrics,
        "choices": choices(metrics),
        "figures": figures(comparison),
        "changes": [named[key] for key in BRIEF[1:] if key in named],
        "themes": THEMES,
        "bundle": bundle(),
    }
