"""Confusion matrices of the tested experiments, and the pairs that are confused most, in images."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from harness.report.colours import INK
from harness.report.figure import Figure, layered, source
from harness.report.pictures import data_uri
from harness.report.reading import Material, Tested
from harness.text import counted

PAIRS = 10
_SIDE = 540
"""About how many pixels a matrix's edge takes."""
_EXAMPLES = 6
_ENLARGED = 2


@dataclass(frozen=True)
class Pair:
    """A confused pair. ``examples``: some of the images as data URIs, each once, and how many seeds took it so."""

    truth: str
    predicted: str
    times: int
    """How often the truth is taken for the prediction, the seeds added up."""
    rows: int
    """How many test rows that are."""
    noun: str
    """What one of them is called."""
    share: float
    """Of the truth's rows, the seeds added up."""
    seeds: int
    examples: list[tuple[str, int]]

    @property
    def counts(self) -> str:
        """How often, in words: ``"2 images, 6 times in 4 seeds, 2.5%"``."""
        several = f", {counted(self.times, 'time')} in {self.seeds} seeds" if self.seeds > 1 else ""
        return f"{counted(self.rows, self.noun)}{several}, {self.share:.1%}"


def pairs(material: Material, tested: Tested) -> list[Pair]:
    """Return the pairs that an experiment confuses most."""
    present = tested.confusion.sum(axis=1)

    def pictures(truth: int, predicted: int) -> list[tuple[str, int]]:
        examples = tested.examples.get((truth, predicted), [])[:_EXAMPLES]
        return [(data_uri(each.image, _ENLARGED), each.seeds) for each in examples]

    return [
        Pair(
            material.labels[truth],
            material.labels[predicted],
            count,
            tested.distinct(truth, predicted),
            material.results.dataset.noun.removesuffix("s"),
            count / int(present[truth]),
            len(tested.experiment.tested),
            pictures(truth, predicted),
        )
        for truth, predicted, count in tested.pairs(PAIRS)
    ]


def figures(material: Material) -> list[Figure]:
    """Return a matrix for each experiment that is looked at closely."""
    glyphs = None if material.glyphs is None else [data_uri(image) for image in material.glyphs]
    return [figure(tested, material.labels, glyphs, material.results.dataset.noun) for tested in material.closer]


def figure(tested: Tested, labels: list[str], glyphs: list[str] | None, noun: str) -> Figure:
    """Return a confusion matrix: the darker a cell, the more test rows; its switches count alike."""
    import altair as alt
    import pandas as pd

    truth, predicted = np.nonzero(tested.confusion)
    counts = tested.confusion[truth, predicted]
    present = tested.confusion.sum(axis=1)
    frame = pd.DataFrame(
        {
            "truth": truth,
            "predicted": predicted,
            "images": counts,
            "share": counts / present[truth],
            "truth_name": [labels[index] for index in truth],
            "predicted_name": [labels[index] for index in predicted],
        }
    )
    errors = tested.confusion.copy()
    np.fill_diagonal(errors, 0)
    most, worst = int(tested.confusion.max()), max(1, int(errors.max()))
    step = max(9, min(36, _SIDE // len(labels)))
    logarithmic = alt.param(name="logarithmic", value=True, bind=alt.binding_checkbox(name="log scale "))
    errors_only = alt.param(name="errors_only", value=False, bind=alt.binding_checkbox(name="errors only "))
    largest = f"(errors_only ? {worst} : {most})"
    shade = (
        "errors_only && datum.truth == datum.predicted ? 0 : "
        f"logarithmic ? log(1 + datum.images) / log(1 + {largest}) : datum.images / {largest}"
    )
    order = list(range(len(labels)))
    # Names stand for numbers, so that two classes of one name stay two.
    axis = alt.Axis(
        labelExpr=f"{json.dumps(labels)}[datum.value]", labelAngle=0, labelLimit=90, ticks=False, domain=False,
        grid=False, offset=step + 3 if glyphs else 2, labelFontSize=min(11, max(8, step)), labelOverlap=True,
    )  # fmt: skip
    long = max(map(len, labels)) > 2
    top = alt.Axis(**(axis.to_dict() | {"orient": "top", "labelAngle": -90 if long else 0}))
    scale = alt.Scale(domain=order, paddingInner=0.06, paddingOuter=0)
    x = alt.X("predicted:O", title="predicted", axis=top, scale=scale)
    y = alt.Y("truth:O", title="truth", axis=axis, scale=scale)
    cells = (
        alt.Chart(source())
        .transform_calculate(
            shade=shade, label="datum.truth_name + ' taken for ' + datum.predicted_name + ': ' + datum.images"
        )
        .mark_rect(color=INK)
        .encode(
            x=x,
            y=y,
            description=alt.Description("label:N"),
            opacity=alt.Opacity("shade:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0, 1])),
            tooltip=[
                alt.Tooltip("truth_name:N", title="truth"),
                alt.Tooltip("predicted_name:N", title="predicted"),
                alt.Tooltip("images:Q", title=noun, format=",d"),
                alt.Tooltip("share:Q", title="of the truth's", format=".2%"),
            ],
        )
    )
    layers = [cells]
    if glyphs:
        heads = alt.Chart(source("glyphs")).mark_image(width=step - 1, height=step - 1)
        layers.append(heads.encode(x=alt.X("class:O", scale=scale), y=alt.value(-step / 2 - 2), url=alt.Url("url:N")))
        layers.append(heads.encode(y=alt.Y("class:O", scale=scale), x=alt.value(-step / 2 - 2), url=alt.Url("url:N")))
    side = step * len(labels)
    chart = layered(*layers, params=[logarithmic, errors_only], width=side, height=side)
    total, right = int(tested.confusion.sum()), int(np.trace(tested.confusion))
    confused = [f"{labels[t]} taken for {labels[p]} {count:,} times" for t, p, count in tested.pairs(3)]
    most_often = f"; most often {', '.join(confused)}" if confused else ""
    seeds = len(tested.experiment.tested)
    return Figure(
        key=f"confusion-{tested.name}",
        title=f"Confusion, {tested.name}",
        alternative=f"{right:,} of {total:,} test {noun} on the diagonal{most_often}.",
        frame=frame,
        chart=chart,
        fluid=False,
        note=f"Images of {seeds} seeds added up." if seeds > 1 else "",
        beside={"glyphs": pd.DataFrame({"class": order, "url": glyphs})} if glyphs else {},
    )
