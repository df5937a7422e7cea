"""Colours: each experiment has one on the whole page, and no figure has two experiments of one colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from harness.report.labels import labelled, shortened
from harness.results.experiments import ExperimentRows

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#8A8A8A")
"""Colours that the colour-blind distinguish, too, on light and dark (Okabe and Ito, but black and yellow)."""
INK = "#1a7fc1"
"""Of a figure of one colour."""
TOGETHER = len(PALETTE)
"""The most experiments in one figure."""
_ROOM, _NAME, _SIGN, _STROKE = 340, 42, 6.8, 34
"""Of a legend: pixels that the narrowest window leaves, signs of a name, pixels of a sign and of what is beside."""


def parts(experiments: Sequence[ExperimentRows]) -> list[list[ExperimentRows]]:
    """Return the experiments that have curves, as figures hold them."""
    return list(together([experiment for experiment in experiments if any(row.history for row in experiment.done)]))


def together(experiments: Sequence[ExperimentRows]) -> Iterator[list[ExperimentRows]]:
    """Yield experiments in the suite's order as figures hold them: groups stay whole where they can."""
    groups: dict[str, list[ExperimentRows]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.first.group, []).append(experiment)
    part: list[ExperimentRows] = []
    for group in groups.values():
        size = ceil(len(group) / ceil(len(group) / TOGETHER))
        for start in range(0, len(group), size):
            piece = group[start : start + size]
            if len(part) + len(piece) > TOGETHER:
                yield part
                part = []
            part = part + piece
    if part:
        yield part


def colours(experiments: Sequence[ExperimentRows]) -> dict[str, str]:
    """Return the colour of each experiment of a page: one after the other, so that those of one part have different."""
    curved = [experiment.name for part in parts(experiments) for experiment in part]
    names = dict.fromkeys([*curved, *(experiment.name for experiment in experiments)])
    return {name: PALETTE[place % TOGETHER] for place, name in enumerate(names)}


def apart(names: Sequence[str], colour: Mapping[str, str]) -> list[list[str]]:
    """Return names in parts, in order, as few as first fit makes: no part has two of one colour.

    >>> apart(["a", "b", "c", "d"], {"a": "red", "b": "red", "c": "blue", "d": "red"})
    [['a', 'c'], ['b'], ['d']]
    """
    looks: list[dict[str, str]] = []
    for name in names:
        part = next((part for part in looks if colour[name] not in part), None)
        if part is None:
            part = {}
            looks.append(part)
        part[colour[name]] = name
    return [list(part.values()) for part in looks]


def coloured(names: Sequence[str], colour: Mapping[str, str]) -> Any:
    """Return the encoding that gives each experiment its colour, with a legend that no name is too long for."""
    import altair as alt

    labels = shortened(names, _NAME)
    widest = _STROKE + _SIGN * max(map(len, labels.values()))
    legend = alt.Legend(
        orient="bottom", columns=max(1, min(4, int(_ROOM / widest))), labelLimit=_ROOM, symbolOpacity=1,
        symbolType="stroke", symbolStrokeWidth=3, **labelled(labels),
    )  # fmt: skip
    scale = alt.Scale(domain=list(names), range=[colour[name] for name in names])
    return alt.Color("experiment:N", title=None, scale=scale, legend=legend)
