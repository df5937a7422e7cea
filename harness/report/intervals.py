"""What is known of each experiment in a ranking: its estimate with its interval, its rank set, its tie letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.metrics.analysis import Analysis
from harness.metrics.proportions import wilson
from harness.metrics.ranking import tie_letters
from harness.metrics.statistic import Kind
from harness.report.colours import INK
from harness.report.figure import Figure, layered, source
from harness.report.labels import labelled, shortened
from harness.results.leaderboard.rankings import Ranking, places
from harness.results.results import Results
from harness.results.tables.values import shown

LETTERED = 24
"""The most experiments that have tie letters: of more, letters are too many to compare."""
_NAMED = 12
"""The most ranks that an axis names."""
_LETTERS = 8
"""The most letters of an experiment that are shown."""
_MANY = 40
_NAME = 26
"""The most characters of a name beside the points."""
_PLACE = "·"
"""In the place of a letter that an experiment does not have: groups are columns."""


def figures(results: Results, ranking: Ranking) -> list[Figure]:
    """Return two figures of a ranking's experiments, the best first: estimates, and rank sets if there are any."""
    lines = known(results, ranking)
    drawn = [_estimates(results, ranking, lines)]
    return [*drawn, _rank_sets(ranking, lines)] if any(line["rank_low"] for line in lines) else drawn


def known(results: Results, ranking: Ranking) -> list[dict[str, Any]]:
    """Return a line for each experiment that is compared, the best first.

    ``low`` and ``high``: its 95 % confidence interval over seeds and images, that of Wilson for the accuracy of one
    network; None where no variance is known. ``rank_low`` and ``rank_high``: as the leaderboard has them.
    """
    analysis = ranking.analysis(results)
    ranks, tied = places(results, ranking), letters(analysis)
    lines = []
    for at in analysis.order:
        name = analysis.names[at]
        low, high = _interval(analysis, at)
        place = ranks[name]
        lines.append(
            {
                "experiment": name, "estimate": float(analysis.means[at]), "low": low, "high": high, "rank": place.rank,
                "rank_low": place.low, "rank_high": place.high, "letters": tied.get(name, ""),
            }
        )  # fmt: skip
    return lines


def letters(analysis: Analysis) -> dict[str, str]:
    """Return the tie letters of experiments: two share one if and only if they do not differ significantly.

    None of one seed, which says nothing of recipes, and none where there are too many to read.
    """
    if analysis.target == "networks" or not 1 < len(analysis.names) <= LETTERED:
        return {}
    texts = tie_letters(analysis.order, analysis.significant)
    readable = all(len(own) <= _LETTERS and own.isalpha() for own in texts)
    return dict(zip(analysis.names, texts, strict=True)) if readable else {}


def _interval(analysis: Analysis, at: int) -> tuple[float | None, float | None]:
    if analysis.target == "networks" and analysis.proportion:
        return wilson(float(analysis.means[at]), analysis.images)
    level = analysis.level(analysis.names[at])
    if level is None or level.low is None or level.high is None:
        return None, None
    return level.low, level.high


def _estimates(results: Results, ranking: Ranking, lines: list[dict[str, Any]]) -> Figure:
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame(lines)
    analysis, kind = ranking.analysis(results), ranking.metric.kind
    form, ticks = (".2%", ".1~%") if kind is Kind.percent else (".4f", "~g") if kind is Kind.loss else (".2f", "~g")
    numbers = [alt.Tooltip(f"{name}:Q", format=form) for name in ("estimate", "low", "high")]
    tips: list[Any] = ["experiment:N", *numbers, "rank:Q", *(["letters:N"] if frame["letters"].any() else [])]
    x = alt.X(
        "estimate:Q",
        title=ranking.heading,
        scale=alt.Scale(zero=False),
        axis=alt.Axis(format=ticks, labelFlush=False, labelOverlap=True, labelSeparation=4, tickCount=6),
    )
    base = alt.Chart(source()).encode(tooltip=tips)
    span = base.mark_rule(strokeWidth=2, color=INK).encode(x=alt.X("low:Q", title=ranking.heading), x2=alt.X2("high:Q"))
    point = base.mark_point(filled=True, size=55, opacity=1, color=INK).encode(x=x)
    ends = [
        f"{line['experiment']}, {shown(line['estimate'], kind)}"
        + (f", {_ends(line['low'], line['high'], kind)}" if line["low"] is not None else "")
        for line in (lines[0], lines[-1])
    ]
    return Figure(
        key=f"intervals-{ranking.key}",
        title=f"{title(ranking)}, estimates with 95 % confidence intervals",
        alternative=f"A point for each experiment, the best first: from {'; to '.join(ends)}.",
        frame=frame,
        chart=_rows(alt.layer(span, point), lines),
        note=_meaning(analysis, results.dataset.noun),
    )


def _meaning(analysis: Analysis, noun: str) -> str:
    """Return what the intervals are of."""
    if analysis.target == "networks":
        over = f"over test {noun}, " if analysis.images else ""
        return f"One seed: intervals are {over}of these networks, not of their recipes. There are no rank sets."
    over = f"seeds and test {noun}" if analysis.images else "seeds alone, without predictions"
    return f"Over {over}. Differences are paired: two whose intervals overlap may differ significantly."


def _rank_sets(ranking: Ranking, lines: list[dict[str, Any]]) -> Figure:
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame(lines)
    count = len(lines)
    lettered = bool(frame["letters"].any())
    tips = ["experiment:N", "rank:Q", "rank_low:Q", "rank_high:Q", *(["letters:N"] if lettered else [])]
    last = max(count, int(frame["rank_high"].max()))
    scale = alt.Scale(domain=[0.5, last + 0.5], nice=False)
    axis = alt.Axis(format="d", values=_ticks(last), labelOverlap="parity", grid=count <= _MANY)
    base = alt.Chart(source()).encode(tooltip=tips)
    thick = 7 if count <= _MANY else 5
    span = base.mark_rule(strokeWidth=thick, strokeCap="round", color=INK, opacity=0.4).encode(
        x=alt.X("rank_low:Q", title="rank", scale=scale, axis=axis), x2=alt.X2("rank_high:Q")
    )
    point = base.mark_point(filled=True, size=55 if count <= _MANY else 30, opacity=1, color=INK).encode(
        x=alt.X("rank:Q", title="rank", scale=scale, axis=axis)
    )
    sets = [f"{line['experiment']} {line['rank']} [{line['rank_low']}–{line['rank_high']}]" for line in lines]
    most = ", ".join(sets) if count <= LETTERED else f"{sets[0]} to {sets[-1]}"
    return Figure(
        key=f"ranks-{ranking.key}",
        title=f"{title(ranking)}, ranks with 95 % confidence sets",
        alternative=f"A point for each experiment's rank, and a band for its set: {most}.",
        frame=frame,
        chart=_rows(alt.layer(span, point), lines),
        note="Simultaneous confidence sets of all ranks."
        + (" Two share a letter if they do not differ significantly." if lettered else ""),
    )


def _rows(chart: Any, lines: list[dict[str, Any]]) -> Any:
    """Return a chart with a row for each experiment, its name on the left and its letters on the right."""
    import altair as alt

    names = [line["experiment"] for line in lines]
    step = 22 if len(names) <= _MANY else 13
    axis = alt.Axis(labelLimit=190, **labelled(shortened(names, _NAME)))
    found = [chart.encode(y=alt.Y("experiment:N", sort=names, title=None, axis=axis))]
    columns = _columns({line["experiment"]: line["letters"] for line in lines})
    if columns:
        right = alt.Axis(
            orient="right", domain=False, ticks=False, labelFont="monospace", labelLimit=190, **labelled(columns)
        )
        y = alt.Y("experiment:N", sort=names, title=None, axis=right)
        found.append(alt.Chart(source()).mark_point(opacity=0, size=0).encode(y=y))
    return layered(alt.layer(*found).resolve_axis(y="independent"), height=max(60, step * len(names)))


def _columns(tied: Mapping[str, str]) -> dict[str, str]:
    """Return letters with room for those that an experiment does not have, so that each group is a column.

    >>> _columns({"A": "ab", "B": "b"})
    {'A': 'ab', 'B': '·b'}
    """
    every = sorted({letter for own in tied.values() for letter in own})
    return {name: "".join(letter if letter in own else _PLACE for letter in every) for name, own in tied.items()}


def _ticks(last: int) -> list[int]:
    """Return the ranks that an axis names: twelve at most."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if last <= _NAMED * step)
    return sorted({1, *range(step, last + 1, step)})


def title(ranking: Ranking) -> str:
    """Return a ranking's name as a heading: ``"Macro-F1"``."""
    heading = ranking.metric.heading
    return heading if heading.lower() == ranking.title else f"{ranking.title[0].upper()}{ranking.title[1:]}"


def _ends(low: float, high: float, kind: Kind) -> str:
    return f"[{shown(low, kind)}, {shown(high, kind)}]"
