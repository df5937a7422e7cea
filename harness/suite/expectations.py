"""What a suite expects of its runs, one figure and one relation at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from harness.rows import Condition
from harness.suite.models import Expect, Suite
from harness.suite.relations import Relation, parse

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One value that is expected of an experiment's metric, or of its difference to the experiment ``minus``."""

    experiment: str
    minus: str | None
    metric: str
    condition: Condition
    value: float
    tolerance: float
    source: str
    dataset: str | None
    images: int | None


@dataclass(frozen=True)
class Claim:
    """One relation that is expected to hold under a condition."""

    relation: Relation
    condition: Condition
    source: str


def figures(suite: Suite) -> Iterator[Figure]:
    """Yield every figure of a checked suite, in its order."""
    for one in suite.expect:
        if one.relation is not None:
            continue
        values = listed(one.value)
        count = len(values)
        tolerances: list[float | None] = [*listed(one.tolerance)] or [None]
        lines = zip(
            _each(metrics(one), count),
            _each(listed(one.severity) or [0.0], count),
            values,
            _each(tolerances, count),
            strict=True,
        )
        for metric, severity, value, tolerance in lines:
            yield Figure(
                experiment=one.experiment or "",
                minus=one.minus,
                metric=metric,
                condition=Condition(one.perturbation, severity),
                value=value,
                tolerance=suite.expectations.tolerance[metric] if tolerance is None else tolerance,
                source=one.source or "",
                dataset=one.dataset,
                images=one.images or suite.expectations.images,
            )


def claims(suite: Suite) -> Iterator[Claim]:
    """Yield every relation of a checked suite, in its order; one for each severity."""
    for one in suite.expect:
        for text in listed(one.relation):
            for severity in listed(one.severity) or [0.0]:
                yield Claim(parse(text), Condition(one.perturbation, severity), one.source or "")


def metrics(one: Expect) -> list[str]:
    """Return the metrics of a figure."""
    if one.metric is None:
        return []
    return one.metric if isinstance(one.metric, list) else [one.metric]


def listed(value: T | list[T] | None) -> list[T]:
    """Return a value, several or none as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _each(values: list[T], count: int) -> list[T]:
    return values * count if len(values) == 1 else values
