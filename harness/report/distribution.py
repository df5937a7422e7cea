"""The classes' sizes, in each set of the split."""

from __future__ import annotations

from harness.report.colours import INK
from harness.report.figure import Figure, layered, source
from harness.report.reading import Material

_NAMES = {"train": "train", "val": "validation", "test": "test"}
_SHADES = (INK, "#7db8e0", "#9aa3ad")
"""No experiment's: a set is none."""


def figures(material: Material) -> list[Figure]:
    """Return the bar chart; none where the run does not know any class's size."""
    import altair as alt
    import pandas as pd

    if not material.counts:
        return []
    noun = material.results.dataset.noun
    lines = [
        {"class": label, "place": index, "set": _NAMES[key], "images": int(counts[index])}
        for key, counts in material.counts.items()
        for index, label in enumerate(material.labels)
    ]
    frame = pd.DataFrame(lines)
    names = [_NAMES[key] for key in material.counts]
    place = " : ".join(f"datum.set == '{name}' ? {index}" for index, name in enumerate(names))
    colour = alt.Color(
        "set:N", title=None, legend=alt.Legend(orient="bottom"),
        scale=alt.Scale(domain=names, range=list(_SHADES[: len(names)])),
    )  # fmt: skip
    long = max(map(len, material.labels)) > 2
    chart = (
        alt.Chart(source())
        .transform_calculate(of_stack=f"{place} : 0")
        .mark_bar()
        .encode(
            x=alt.X(
                "class:N", sort=material.labels, title="class",
                axis=alt.Axis(labelAngle=-45 if long else 0, labelLimit=90, labelOverlap=True),
            ),
            y=alt.Y("images:Q", title=noun, axis=alt.Axis(format=",d")),
            color=colour,
            order=alt.Order("of_stack:Q"),
            tooltip=["class:N", "set:N", alt.Tooltip("images:Q", title=noun, format=",d")],
        )
    )  # fmt: skip
    sums = frame.groupby("class", sort=False)["images"].sum()
    ends = f"{sums.idxmin()} has the fewest {noun}, {sums.min():,}; {sums.idxmax()} the most, {sums.max():,}"
    lacking = [name for key, name in _NAMES.items() if key not in material.counts]
    return [
        Figure(
            key="classes",
            title=f"{noun.capitalize()} of each class",
            alternative=f"{len(material.labels)} classes: {ends}.",
            frame=frame,
            chart=layered(chart),
            note=f"Not recorded by the version that made this run: {', '.join(lacking)}." if lacking else "",
        )
    ]
