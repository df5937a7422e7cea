"""Values as people read them: rounded, with their spread, rank or mark."""

from __future__ import annotations

from typing import Any

from harness.metrics.comparisons import SIGNS
from harness.metrics.statistic import Kind, Statistic
from harness.results.tables.model import Marked, Ranked

_NUMBERS: dict[Kind, tuple[float, str]] = {
    Kind.number: (1.0, ",.0f"),
    Kind.percent: (100.0, ".2f"),
    Kind.points: (100.0, "+.2f"),
    Kind.relative: (1.0, "+.2f"),
    Kind.degradation: (1.0, ".2f"),
    Kind.loss: (1.0, ".4f"),
    Kind.seconds: (1.0, ",.1f"),
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
    if value is None:
        return "" if kind is Kind.text else _MISSING
    if isinstance(value, Ranked):
        return f"{shown(value.value, kind)} ({value.rank})"
    if isinstance(value, Marked):
        return _marked(value, kind)
    if kind in {Kind.text, Kind.figure}:
        return str(value)
    factor, pattern = _NUMBERS[kind]
    if not isinstance(value, Statistic):
        return format(value * factor, pattern)
    spread = f" ± {format(value.std * factor, pattern.lstrip('+'))}" if value.std is not None else ""
    return format(value.mean * factor, pattern) + spread + (" !" if value.doubt else "")


def _marked(value: Marked, kind: Kind) -> str:
    """Return ``"+0.10 ± 0.31 ≈"``, or ``"+0.10 ≈"`` of a brief one."""
    factor, pattern = _NUMBERS[kind]
    told = None if value.brief else value.error
    spread = "" if told is None else f" ± {format(told * factor, pattern.lstrip('+'))}"
    sign = f" {SIGNS[value.mark]}" if value.mark else ""
    return (format(value.value.mean * factor, pattern) + spread + sign).rstrip()
