"""Calibration: is a network right as often as it says? The reliability diagram, with the bins of the ECE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.colours import apart, coloured, colours
from harness.report.figure import Figure, chosen, layered, listed, source
from harness.report.reading import Material, Tested

NOTE = "ECE if calibrated: expected of a perfectly calibrated network with the same confidences, on as many test rows."
"""Below the table of the errors."""


def figures(material: Material) -> list[Figure]:
    """Return a diagram for every few of the most accurate experiments."""
    near = {tested.name: tested for tested in material.closer}
    colour = colours(material.results.experiments)
    noun = material.results.dataset.noun
    parts = enumerate(apart(list(near), colour), 1)
    return [_figure(number, [near[name] for name in names], colour, noun) for number, names in parts]


def diagram(tested: Tested) -> list[dict[str, Any]]:
    """Return a line for each bin that has test rows: their mean confidence, and how many of them are right."""
    rows, claimed, right = tested.bins
    return [
        {
            "experiment": tested.name,
            "confidence": claimed[index] / rows[index],
            "accuracy": right[index] / rows[index],
            "images": int(rows[index]),
        }
        for index in range(len(rows))
        if rows[index]
    ]


def _figure(number: int, part: list[Tested], colour: Mapping[str, str], noun: str) -> Figure:
    import altair as alt
    import pandas as pd

    names = [tested.name for tested in part]
    frame = pd.DataFrame([line for tested in part for line in diagram(tested)])
    choice, opacity, _ = chosen()
    whole = alt.Scale(domain=[0, 1])
    x = alt.X("confidence:Q", title="mean confidence", scale=whole, axis=alt.Axis(format=".0%"))
    y = alt.Y("accuracy:Q", title="accuracy", scale=whole, axis=alt.Axis(format=".0%"))
    ideal = pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]})
    line = alt.Chart(source("ideal")).mark_line(strokeDash=[5, 4], color="#8A8A8A", strokeWidth=1).encode(x=x, y=y)
    base = alt.Chart(source()).encode(x=x, y=y, color=coloured(names, colour), opacity=opacity)
    tips = [
        alt.Tooltip("experiment:N"), alt.Tooltip("confidence:Q", format=".1%"), alt.Tooltip("accuracy:Q", format=".1%"),
        alt.Tooltip("images:Q", title=noun, format=",d"),
    ]  # fmt: skip
    errors = [_error(tested) for tested in part if tested.ece]
    return Figure(
        key=f"reliability-{number}",
        title=f"Reliability, {listed(names)}",
        alternative=f"Accuracy by confidence on the clean test {noun}. {'; '.join(errors)}.",
        frame=frame,
        chart=layered(
            line, base.mark_line(strokeWidth=1.4), base.mark_point(filled=True, size=45).encode(tooltip=tips),
            params=[choice], height=320,
        ),
        note="On the dashed line a network is right as often as it says; below it, it is too sure of itself.",
        beside={"ideal": ideal},
    )  # fmt: skip


def _error(tested: Tested) -> str:
    """Return an experiment's calibration error, and what it would be if it were calibrated."""
    error, expected = tested.ece, tested.experiment.statistic("test_ece_expected")
    said = f"{tested.name} has an ECE of {error.mean:.4f}" if error else ""
    return f"{said}, {expected.mean:.4f} if calibrated" if expected else said
