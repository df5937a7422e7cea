"""How much a metric may change for the worse before a comparison fails: ``test_accuracy:-0.5``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, inf, isnan

from harness import errors
from harness.errors import HarnessError, as_typed
from harness.metrics.catalogue import CATALOGUE
from harness.metrics.comparisons import Difference
from harness.metrics.names import nearest_metric
from harness.metrics.statistic import ROUNDING, Kind
from harness.metrics.units import under
from harness.results.compare.comparison import Comparison, Unjudged
from harness.results.tables.values import shown

_LIMIT = re.compile(r"(?P<metric>\w+):(?P<sign>[+-])(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?P<percent>%?)")


@dataclass(frozen=True)
class Limit:
    """``amount``: what may be lost (``sign`` "-") or added ("+"), in percentage points of fractions, else as it is.

    ``relative``: in percent of the first run's value.
    """

    text: str
    metric: str
    sign: str
    amount: float
    relative: bool

    def exceeded(self, difference: Difference) -> bool:
        """Say whether a difference goes beyond it, in its direction; what is not a number does."""
        change = difference.change.mean
        if self.relative and change:
            change = 100.0 * change / abs(difference.first.mean) if difference.first.mean else copysign(inf, change)
        elif not self.relative and CATALOGUE[self.metric].unit.value is Kind.percent:
            change *= 100.0
        beyond = (-change if self.sign == "-" else change) - self.amount
        return beyond > ROUNDING or isnan(change)


def limit(text: str) -> Limit:
    """Return the limit that a text means.

    Raises:
        HarnessError: it is none, or names a metric that there is not.
    """
    match = _LIMIT.fullmatch(text.strip())
    if match is None:
        msg = (
            f"--fail-on {as_typed(text, 80)}: not a limit. Write METRIC:-NUMBER or METRIC:+NUMBER, in points of "
            "percentages: test_accuracy:-0.5, val_loss:+0.02, samples_per_second:-10%"
        )
        raise HarnessError(msg)
    if match["metric"] in CATALOGUE:
        return Limit(text, match["metric"], match["sign"], float(match["number"]), bool(match["percent"]))
    name = match["metric"]
    msg = f"--fail-on {as_typed(text, 80)}: unknown metric {errors.shown(name)}. {nearest_metric(name)}"
    raise HarnessError(msg)


def violations(comparison: Comparison, limits: Sequence[Limit]) -> list[str]:
    """Return, in words, where the second run goes beyond a limit, or lacks what the first has.

    A limit is of means over seeds, on clean images, or of a degradation under each perturbation. What the first run has
    and the comparison has not is a violation too, because nothing says that the limit is kept: a metric of an
    experiment, a trial that only the first run has done. Times that cannot be compared are not: see `undecided`.
    """
    violated = []
    for asked in limits:
        broken = [each for each in comparison.differences if _is_of(asked, each) and asked.exceeded(each)]
        unjudged = [each for each in comparison.unjudged if _is_of(asked, each)]
        if not unjudged and not any(_is_of(asked, each) for each in comparison.differences):
            violated.append(f"{asked.text}: nothing to judge: no experiment has it in both")
        violated += [
            f"{asked.text}: {each.experiment}{under(each.condition)}: {_shown(each, relative=asked.relative)}"
            for each in broken
        ]
        violated += [_spoken(asked, each) for each in unjudged if not each.undecided]
    if limits:
        violated += [f"{unmatched.spoken}: {unmatched.why}" for unmatched in comparison.unmatched if unmatched.in_first]
    return violated


def undecided(comparison: Comparison, limits: Sequence[Limit]) -> list[str]:
    """Return, in words, the limits of which the figures cannot tell whether they are kept.

    They are of times and memory that both runs have, but that come from different machines, or from trials that shared
    one.
    """
    return [
        _spoken(asked, each)
        for asked in limits
        for each in comparison.unjudged
        if _is_of(asked, each) and each.undecided
    ]


def _spoken(asked: Limit, each: Unjudged) -> str:
    return f"{asked.text}: {each.experiment}{under(each.condition)}: {each.why}"


def _shown(difference: Difference, *, relative: bool) -> str:
    """Return both means and the change as the tables show them: ``"87.50 -> 80.00 %, -7.50 points"``."""
    unit = CATALOGUE[difference.metric].unit
    values = (difference.first.mean, difference.second.mean, difference.change.mean)
    if unit.value is Kind.number and not all(value.is_integer() for value in values):
        *means, change = (f"{value:,.4g}" for value in values)  # whole numbers would say nothing of a second
    else:
        means, change = [shown(value, unit.value) for value in values[:2]], shown(values[2], unit.change)
    change = change if change.startswith("-") else f"+{change.removeprefix('+')}"
    points = " points" if unit.change is Kind.points else ""
    share = (
        f", {100.0 * difference.change.mean / abs(difference.first.mean):+.2f} %"
        if relative and difference.first.mean
        else ""
    )
    return f"{' -> '.join(means)}{unit.sign}, {change}{points}{share}"


def _is_of(asked: Limit, each: Difference | Unjudged) -> bool:
    return each.metric == asked.metric and (each.condition[0] is None or CATALOGUE[asked.metric].perturbed)
