"""Relations between metrics, in a suite's notation: ``M3b.test_accuracy > M0.test_accuracy + 0.01``."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from harness.errors import shown
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.names import nearest_metric

# The names are those of the catalogue, which no type checker can read.
if TYPE_CHECKING:
    MetricName = str
    ValidationMetricName = str
    RankedMetricName = str
else:
    MetricName = Literal[tuple(CATALOGUE)]
    ValidationMetricName = Literal[tuple(name for name, metric in CATALOGUE.items() if metric.rows == "val")]
    RankedMetricName = Literal[tuple(name for name, metric in CATALOGUE.items() if "leaderboards" in metric.shown)]

Operator = Literal["<", "<=", ">", ">="]

_TERM = r"""(?:"(?P<{0}double>[^"]+)"|'(?P<{0}single>[^']+)'|(?P<{0}bare>[\w-]+))\.(?P<{0}metric>\w+)"""
_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_RELATION = re.compile(
    rf"\s*{_TERM.format('left_')}\s*(?P<operator><=|>=|<|>)\s*"
    rf"(?:(?P<constant>-?{_NUMBER})|{_TERM.format('right_')}\s*(?:(?P<sign>[+-])\s*(?P<offset>{_NUMBER}))?)\s*"
)


@dataclass(frozen=True)
class Term:
    """An experiment's metric."""

    experiment: str
    metric: str

    def __str__(self) -> str:
        quoted = self.experiment if re.fullmatch(r"[\w-]+", self.experiment) else f'"{self.experiment}"'
        return f"{quoted}.{self.metric}"


@dataclass(frozen=True)
class Relation:
    """``left`` compared with ``right + offset``, or with ``offset`` if ``right`` is None."""

    left: Term
    operator: Operator
    right: Term | None
    offset: float = 0.0

    @property
    def terms(self) -> list[Term]:
        """Both sides, or the left one if the right one is a number."""
        return [self.left] if self.right is None else [self.left, self.right]

    def holds(self, margin: float) -> bool:
        """Return whether the relation is true if ``left - (right + offset)`` is ``margin``; False for NaN.

        >>> parse("A.val_loss <= B.val_loss").holds(0.0)
        True
        """
        if self.operator == "<":
            return margin < 0
        if self.operator == "<=":
            return margin <= 0
        return margin > 0 if self.operator == ">" else margin >= 0

    def __str__(self) -> str:
        if self.right is None:
            return f"{self.left} {self.operator} {self.offset:g}"
        offset = f" {'+' if self.offset > 0 else '-'} {abs(self.offset):g}" if self.offset else ""
        return f"{self.left} {self.operator} {self.right}{offset}"


def parse(text: str) -> Relation:
    """Return the relation that a text means.

    The name of an experiment needs quotes if it has other signs than letters, digits, ``_`` and ``-``.

    >>> str(parse("'M1a[lr=0.1]'.val_accuracy  >= M1b.val_accuracy - 0.003"))
    '"M1a[lr=0.1]".val_accuracy >= M1b.val_accuracy - 0.003'

    Raises:
        ValueError: it is not a relation, or names an unknown metric.
    """
    match = _RELATION.fullmatch(text)
    if match is None:
        msg = (
            f"{shown(text)} is not a relation. Write EXPERIMENT.METRIC > EXPERIMENT.METRIC + NUMBER, or "
            "EXPERIMENT.METRIC > NUMBER, with < <= > or >=; quote names with brackets, dots or spaces"
        )
        raise ValueError(msg)
    part = match.groupdict()
    operator: Operator = next(name for name in get_args(Operator) if name == part["operator"])
    left = _term(part, "left_")
    if part["constant"] is not None:
        return Relation(left, operator, None, float(part["constant"]))
    offset = float(f"{part['sign']}{part['offset']}") if part["offset"] else 0.0
    return Relation(left, operator, _term(part, "right_"), offset)


def _term(part: dict[str, str | None], side: str) -> Term:
    name = part[f"{side}double"] or part[f"{side}single"] or part[f"{side}bare"] or ""
    metric = part[f"{side}metric"] or ""
    if metric in CATALOGUE:
        return Term(name, metric)
    msg = f"unknown metric {shown(metric)}. {nearest_metric(metric)}"
    raise ValueError(msg)
