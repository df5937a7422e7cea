"""Values as people read them: rounded, with their spread, rank or mark."""

from __future__ import annotations

from typing import Any

from harness.metrics.comparisons import SIGNS
from harness.metrics.statistic import Kind, Statistic
from harness.results.tables.model import Estimate, Marked, Place, Ranked, Unavailable, Worded
from harness.text import some

_NUMBERS: dict[Kind, tuple[float, str]] = {
    Kind.number: (1.0, ",.0f"),
    Kind.percent: (100.0, ".2f"),
    Kind.points: (100.0, "+z.2f"),
    Kind.relative: (1.0, "+z.2f"),
    Kind.degradation: (1.0, ".2f"),
    Kind.loss: (1.0, ".4f"),
    Kind.seconds: (1.0, ",.1f"),
    Kind.real: (1.0, ".3g"),
    Kind.rate: (1.0, ",.0f"),
}
_MISSING = "–"


def as_shown(value: float, kind: Kind) -> float:
    """Return a number rounded as it is shown.

    >>> as_shown(0.97554, Kind.percent), as_shown(0.12344, Kind.loss)
    (97.55, 0.1234)
    """
    factor, pattern = _NUMBERS[kind]
    return float(format(value * factor, pattern).replace(",", ""))


def shown(value: Any, kind: Kind) -> str:
    """Return a raw value of a table, as people read it."""
    match value:
        case None:
            text = "" if kind is Kind.text else _MISSING
        case Ranked():
            text = f"{shown(value.value, kind)} · {shown(value.place, kind)}"
        case Place():
            text = str(value.rank) if value.low is None else f"{value.rank} [{value.low}–{value.high}]"
            text += f" {SIGNS[value.mark]}" if value.mark else ""
        case Marked():
            text = _marked(value, kind)
        case Unavailable() | Worded():
            text = str(value)
        case Estimate(mean, low, high):
            ends = "" if low is None or high is None else f" {interval((low, high), kind)}"
            text = shown(mean, kind) + ends
        case tuple():
            text = some(value)
        case _ if kind in {Kind.text, Kind.figure}:
            text = str(value)
        case Statistic():
            factor, pattern = _NUMBERS[kind]
            spread = f" ± {format(value.std * factor, pattern.lstrip('+'))}" if value.std is not None else ""
            text = format(value.mean * factor, pattern) + spread + (" !" if value.doubt else "")
        case _:
            factor, pattern = _NUMBERS[kind]
            text = format(value * factor, pattern)
    return text


def _marked(value: Marked, kind: Kind) -> str:
    """Return ``"+0.10 [-0.21, +0.41] ≈"``, or ``"+0.10 ≈"`` of a brief one."""
    factor, pattern = _NUMBERS[kind]
    ends = "" if value.brief or value.interval is None else f" {interval(value.interval, kind)}"
    sign = f" {SIGNS[value.mark]}" if value.mark else ""
    return (format(value.value.mean * factor, pattern) + ends + sign).rstrip()


def interval(ends: tuple[float, float], kind: Kind) -> str:
    """Return the ends of a confidence interval of a change, as people read it.

    >>> interval((-0.0309, 0.0237), Kind.points)
    '[-3.09, +2.37]'
    """
    factor, pattern = _NUMBERS[kind]
    return f"[{', '.join(format(end * factor, pattern) for end in ends)}]"
