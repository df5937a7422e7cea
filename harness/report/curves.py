"""Training curves: loss and accuracy of every epoch, train and validation, the seeds as a band; the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.metrics.statistic import Statistic
from harness.report.colours import coloured, colours, parts
from harness.report.figure import Figure, chosen, layered, listed, source, within
from harness.report.reading import Material
from harness.results.experiments import ExperimentRows
from harness.rows import TrialRow

if TYPE_CHECKING:
    import pandas as pd

SETS = {"train": "train", "val": "validation"}
_METRICS = {"loss": ("Loss", "loss, nats", ".3f"), "accuracy": ("Accuracy", "accuracy", ".1%")}
_SEVERAL = "Line: mean over the seeds that trained this long. Band: ± SD."


def figures(material: Material) -> list[Figure]:
    """Return two figures for every few experiments."""
    colour = colours(material.results.experiments)
    numbered = enumerate(parts(material.results.experiments), 1)
    return [_figure(metric, number, part, colour) for number, part in numbered for metric in _METRICS]


def rates(material: Material) -> list[Figure]:
    """Return the figures of learning rates."""
    colour = colours(material.results.experiments)
    return [_rate(number, part, colour) for number, part in enumerate(parts(material.results.experiments), 1)]


def curve(experiment: ExperimentRows, metric: str) -> list[dict[str, Any]]:
    """Return a line for every epoch and set: the mean over the seeds, and one standard deviation to both sides."""
    lines = []
    longest = max(len(row.history) for row in experiment.done)
    for key, name in SETS.items():
        for epoch in range(longest):
            reached = [row.history[epoch] for row in experiment.done if epoch < len(row.history)]
            value = Statistic.of([float(getattr(record, f"{key}_{metric}")) for record in reached])
            if value is None:
                continue
            spread = value.std or 0.0
            lines.append(
                {
                    "experiment": experiment.name,
                    "set": name,
                    "epoch": epoch + 1,
                    "mean": value.mean,
                    "low": value.mean - spread,
                    "high": value.mean + spread,
                    "seeds": value.n,
                }
            )
    return lines


def _stops(part: Sequence[ExperimentRows], metric: str) -> pd.DataFrame:
    import pandas as pd

    columns = ["experiment", "seed", "epoch", "best", "mean"]
    stopped = [row for experiment in part for row in experiment.done if row.metrics and row.metrics.stopped_early]
    return pd.DataFrame([_stop(row, metric) for row in stopped], columns=columns)


def _stop(row: TrialRow, metric: str) -> dict[str, Any]:
    last = row.history[-1]
    best = row.metrics.best_epoch if row.metrics else 0
    value = getattr(last, f"val_{metric}")
    return {"experiment": row.experiment, "seed": str(row.seed), "epoch": last.epoch, "best": best, "mean": value}


def _figure(metric: str, number: int, part: Sequence[ExperimentRows], colour: Mapping[str, str]) -> Figure:
    import altair as alt
    import pandas as pd

    title, axis, form = _METRICS[metric]
    names = [experiment.name for experiment in part]
    frame = pd.DataFrame([line for experiment in part for line in curve(experiment, metric)])
    stops = _stops(part, metric)
    choice, opacity, faint = chosen()
    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False))
    # Losses differ by magnitudes, between epochs and between experiments.
    positive = metric == "loss" and bool((frame["mean"] > 0).all())
    scale = alt.Scale(type="log", nice=False) if positive else within(frame, fractions=metric == "accuracy", zero=False)
    y = alt.Y("mean:Q", title=axis, scale=scale, axis=alt.Axis(format="~g" if metric == "loss" else ".0%"))
    dash = alt.StrokeDash(
        "set:N", title=None, scale=alt.Scale(domain=list(SETS.values()), range=[[4, 3], [1, 0]]),
        legend=alt.Legend(orient="top", symbolStrokeWidth=2),
    )  # fmt: skip
    base = alt.Chart(source()).encode(x=x, color=coloured(names, colour))
    tips = [
        alt.Tooltip("experiment:N"), alt.Tooltip("set:N"), alt.Tooltip("epoch:Q"),
        alt.Tooltip("mean:Q", title=metric, format=form), alt.Tooltip("low:Q", format=form),
        alt.Tooltip("high:Q", format=form), alt.Tooltip("seeds:Q"),
    ]  # fmt: skip
    several = bool((frame["seeds"] > 1).any())
    layers = []
    if several:
        # On a logarithmic axis a band ends where the lines do.
        floor = f"max(datum.low, {frame['mean'].min():.6g})" if positive else "datum.low"
        band = base.transform_calculate(floor=floor).mark_area(clip=True)
        ends = {"y": alt.Y("floor:Q", title=axis), "y2": alt.Y2("high:Q")}
        layers.append(band.encode(**ends, detail=alt.Detail("set:N"), opacity=faint))
    layers.append(base.mark_line(strokeWidth=1.6).encode(y=y, strokeDash=dash, opacity=opacity))
    layers.append(base.mark_point(opacity=0, size=70).encode(y=y, tooltip=tips))
    if len(stops):
        marks = alt.Chart(source("stops")).mark_point(
            shape="diamond", filled=True, size=60, stroke="white", strokeWidth=0.8
        )
        tips = [
            alt.Tooltip("experiment:N"), alt.Tooltip("seed:N"), alt.Tooltip("epoch:Q", title="stopped early after"),
            alt.Tooltip("best:Q", title="best epoch"), alt.Tooltip("mean:Q", title=f"validation {metric}", format=form),
        ]  # fmt: skip
        layers.append(marks.encode(x=x, y=y, color=coloured(names, colour), opacity=opacity, tooltip=tips))
    endings = [
        f"{experiment.name} ends at a validation {metric} of {_last(experiment, metric):{form}}" for experiment in part
    ]
    notes = (_SEVERAL if several else "", "Diamond: a trial that was stopped early." if len(stops) else "")
    return Figure(
        key=f"{metric}-{number}",
        title=f"{title}, {listed(names)}",
        alternative=f"{title} by epoch, train dashed and validation solid. {'; '.join(endings)}.",
        frame=frame,
        chart=layered(*layers, params=[choice]),
        note=" ".join(filter(None, notes)),
        beside={"stops": stops} if len(stops) else {},
    )


def _last(experiment: ExperimentRows, metric: str) -> float:
    values = [float(getattr(row.history[-1], f"val_{metric}")) for row in experiment.done if row.history]
    return sum(values) / len(values)


def _rate(number: int, part: Sequence[ExperimentRows], colour: Mapping[str, str]) -> Figure:
    import altair as alt
    import pandas as pd

    names = [experiment.name for experiment in part]
    lines = []
    for experiment in part:
        # A schedule is a function of the epoch: the trial that came farthest shows it.
        longest = max(experiment.done, key=lambda row: len(row.history))
        lines += [
            {"experiment": experiment.name, "epoch": record.epoch, "rate": record.learning_rate}
            for record in longest.history
        ]
    frame = pd.DataFrame(lines)
    choice, opacity, _ = chosen()
    magnitudes = frame["rate"].min() > 0 and frame["rate"].max() > 10 * frame["rate"].min()
    base = alt.Chart(source()).encode(
        x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False)),
        y=alt.Y(
            "rate:Q", title="learning rate", axis=alt.Axis(format="~g"),
            scale=alt.Scale(type="log" if magnitudes else "linear"),
        ),
        color=coloured(names, colour),
    )  # fmt: skip
    rate = alt.Tooltip("rate:Q", title="learning rate", format=".3~g")
    tips = [alt.Tooltip("experiment:N"), alt.Tooltip("epoch:Q"), rate]
    layers = [
        base.mark_line(interpolate="step-after", strokeWidth=1.6).encode(opacity=opacity),
        base.mark_point(opacity=0, size=70).encode(tooltip=tips),
    ]
    ends = frame.groupby("experiment", sort=False)["rate"].agg(["first", "last"])
    endings = [f"{name} from {row['first']:.3g} to {row['last']:.3g}" for name, row in ends.iterrows()]
    return Figure(
        key=f"rate-{number}",
        title=f"Learning rate, {listed(names)}",
        alternative=f"Learning rate by epoch: {'; '.join(endings)}.",
        frame=frame,
        chart=layered(*layers, params=[choice], height=180),
    )
