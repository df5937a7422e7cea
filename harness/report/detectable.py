"""What more seeds would settle: the smallest detectable difference against the number of seeds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from harness.metrics.power import MOST_SEEDS
from harness.metrics.statistic import Kind
from harness.report.figure import Figure, layered, source
from harness.report.intervals import title
from harness.results.leaderboard.rankings import Ranking
from harness.results.results import Results
from harness.text import counted

_POINTS = 20
"""The most numbers of seeds that the curve is computed at."""
_SIGNIFICANT = "significant"
_LOOKS = {_SIGNIFICANT: ("#0072B2", "circle"), "not significant": ("#D55E00", "diamond")}
_APART = 1.4
"""How many times the first number of seeds on an axis the next is at least."""
_LOW = 0.12
"""Below this part of a figure's height there is no room for words below a line."""
_ABOVE = 1.15
"""How far above the curve a figure reaches: larger differences are not drawn."""


def figures(results: Results, ranking: Ranking) -> list[Figure]:
    """Return the figure of a ranking; none of one seed, which says nothing of others, and where nothing is known."""
    analysis = ranking.analysis(results)
    if analysis.target == "networks" or analysis.detectable is None:
        return []
    return [_figure(results, ranking)]


def curve(results: Results, ranking: Ranking) -> list[dict[str, Any]]:
    """Return a line for each of some numbers of seeds, from as many as there are, and what they detect.

    Differences are in percentage points, those of losses in nats.
    """
    analysis = ranking.analysis(results)
    least = len(analysis.seeds)
    counts = np.unique(np.geomspace(least, max(MOST_SEEDS, 2 * least), _POINTS).round().astype(int))
    points = [(int(seeds), analysis.detectable_with(int(seeds))) for seeds in counts]
    return [{"seeds": seeds, "difference": _scaled(ranking, value)} for seeds, value in points if value is not None]


def observed(results: Results, ranking: Ranking) -> list[dict[str, Any]]:
    """Return a line for each two neighbours in the ranking: how far apart they are, and what is known of that."""
    analysis = ranking.analysis(results)
    lines = []
    for better, worse in pairwise(analysis.names[at] for at in analysis.order):
        pair = analysis.pair(better, worse)
        if pair is None:
            continue
        lines.append(
            {
                "seeds": len(analysis.seeds),
                "difference": _scaled(ranking, abs(pair.difference)),
                "experiments": f"{better} and {worse}",
                "seeds needed": "–" if pair.significant else str(pair.seeds_needed or f"more than {MOST_SEEDS}"),
                "what": _SIGNIFICANT if pair.significant else "not significant",
            }
        )
    return lines


def _figure(results: Results, ranking: Ranking) -> Figure:
    import altair as alt
    import pandas as pd

    best, form = ranking.analysis(results).detectable_at_best, ".4f" if ranking.metric.kind is Kind.loss else ".2f"
    lines, neighbours = curve(results, ranking), observed(results, ranking)
    at_best = None if best is None else _scaled(ranking, best)
    undecided = [line["difference"] for line in neighbours if line["what"] != _SIGNIFICANT]
    top = _ABOVE * max([line["difference"] for line in lines] + undecided)
    drawn = [line for line in neighbours if line["difference"] <= top]
    x, y = _axes(lines, top, unit := "nats" if ranking.metric.kind is Kind.loss else "percentage points")
    tip = alt.Tooltip("difference:Q", format=form)
    layers = [
        alt.Chart(source()).mark_line(strokeWidth=2, color="#8A8A8A").encode(x=x, y=y),
        alt.Chart(source()).mark_point(size=90, opacity=0).encode(x=x, y=y, tooltip=["seeds:Q", tip]),
    ]
    beside = {}
    if at_best is not None:
        below = at_best > _LOW * top
        seeds = lines[-1]["seeds"] if below else lines[len(lines) // 2]["seeds"]  # above the line is the curve's end
        beside["limit"] = pd.DataFrame([{"seeds": seeds, "difference": at_best, "what": "limit of the test rows"}])
        limit = alt.Chart(source("limit"))
        look: dict[str, Any] = {"baseline": "top", "dy": 4} if below else {"baseline": "bottom", "dy": -4}
        text = limit.mark_text(align="right", fontSize=11, color="#8A8A8A", **look)
        layers.append(limit.mark_rule(strokeDash=[5, 4], strokeWidth=1.2).encode(y=y))
        layers.append(text.encode(x=x, y=y, text="what:N"))
    if drawn:
        beside["observed"] = pd.DataFrame(drawn)
        marks = alt.Chart(source("observed")).mark_point(size=45, opacity=0.9, strokeWidth=1.6)
        layers.append(
            marks.encode(x=x, y=y, tooltip=["experiments:N", tip, "what:N", "seeds needed:N"], **_looks(drawn))
        )
    now, end = (f"{lines[at]['difference']:{form}} at {lines[at]['seeds']} seeds" for at in (0, -1))
    never = "" if at_best is None else f", never below {at_best:{form}} however many seeds"
    return Figure(
        key=f"detectable-{ranking.key}",
        title=f"{title(ranking)}, smallest detectable difference",
        alternative=f"In {unit}: {now}, {end}{never}.",
        frame=pd.DataFrame(lines),
        chart=layered(*layers),
        note=_note(at_best is not None, len(neighbours) - len(drawn)),
        beside=beside,
    )


def _axes(lines: list[dict[str, Any]], top: float, unit: str) -> tuple[Any, Any]:
    """Return seeds by their logarithm, with what a run has first, and differences up to the top."""
    import altair as alt

    least, last = lines[0]["seeds"], lines[-1]["seeds"]
    ticks = [seeds for seeds in (5, 10, 20, 50, 100, 200, 500, 1000) if _APART * least <= seeds <= last]
    scale = alt.Scale(type="log", domain=[0.88 * least, last], nice=False)  # marks at the first have room
    x = alt.X("seeds:Q", title="seeds", axis=alt.Axis(values=[least, *ticks], format="d"), scale=scale)
    scale = alt.Scale(domain=[0, top], nice=False)
    return x, alt.Y("difference:Q", title=unit, axis=alt.Axis(format="~g"), scale=scale)


def _looks(drawn: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the colour and the shape of observed differences, with a legend of both."""
    import altair as alt

    whats = [what for what in _LOOKS if any(line["what"] == what for line in drawn)]
    legend = alt.Legend(orient="bottom", title="observed between neighbours", titleLimit=340)
    colours, shapes = ([_LOOKS[what][part] for what in whats] for part in (0, 1))
    return {
        "color": alt.Color("what:N", scale=alt.Scale(domain=whats, range=colours), legend=legend),
        "shape": alt.Shape("what:N", scale=alt.Scale(domain=whats, range=shapes), legend=legend),
    }


def _note(of_images: bool, beyond: int) -> str:
    limit = ". Dashed: the least that these test rows can show" if of_images else ""
    larger = f" Not drawn: {counted(beyond, 'larger difference')}, significant." if beyond else ""
    return f"With 80 % power, of the median pair{limit}.{larger}"


def _scaled(ranking: Ranking, value: float) -> float:
    return 100 * value if ranking.metric.kind is Kind.percent else value
