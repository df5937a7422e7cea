"""The figures and relations that a suite expects of its runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.rows import ALL, Condition
from harness.suite.models import Expect, Suite
from harness.suite.relations import Relation, parse

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """The expected value of an experiment's metric, or of its difference to the experiment ``minus``."""

    experiment: str
    minus: str | None
    metric: str
    condition: Condition
    value: float
    tolerance: float
    source: str
    dataset: str | None
    images: int | None

    def of(self, resolve: Callable[[str], str]) -> "Figure":
        """Return the figure of the experiments that its names mean."""
        minus = None if self.minus is None else resolve(self.minus)
        return replace(self, experiment=resolve(self.experiment), minus=minus)


@dataclass(frozen=True)
class Claim:
    """A relation that is expected to hold under a condition."""

    relation: Relation
    condition: Condition
    source: str

    def of(self, resolve: Callable[[str], str]) -> "Claim":
        """Return the relation of the experiments that its names mean."""
        left, right = self.relation.left, self.relation.right
        left = replace(left, experiment=resolve(left.experiment))
        right = None if right is None else replace(right, experiment=resolve(right.experiment))
        return replace(self, relation=replace(self.relation, left=left, right=right))


def figures(suite: Suite) -> Iterator[Figure]:
    """Yield every figure of a checked suite, in the suite's order."""
    for expect in suite.expect:
        if expect.relation is not None:
            continue
        values = listed(expect.value)
        count = len(values)
        tolerances: list[float | None] = [*listed(expect.tolerance)] or [None]
        lines = zip(
            _each(metrics(expect), count),
            _each(_severities(expect), count),
            values,
            _each(tolerances, count),
            strict=True,
        )
        for metric, severity, value, tolerance in lines:
            yield Figure(
                experiment=expect.experiment or "",
                minus=expect.minus,
                metric=metric,
                condition=Condition(expect.perturbation, severity),
                value=value,
                tolerance=suite.expectations.tolerance[metric] if tolerance is None else tolerance,
                source=expect.source or "",
                dataset=expect.dataset,
                images=expect.images or suite.expectations.images,
            )


def claims(suite: Suite) -> Iterator[Claim]:
    """Yield every relation of a checked suite, in the suite's order, once for each severity."""
    for expect in suite.expect:
        for text in listed(expect.relation):
            for severity in _severities(expect):
                yield Claim(parse(text), Condition(expect.perturbation, severity), expect.source or "")


def metrics(expect: Expect) -> list[str]:
    """Return the metrics of an ``[[expect]]``; none if it has a relation."""
    if expect.metric is None:
        return []
    return expect.metric if isinstance(expect.metric, list) else [expect.metric]


def listed(value: T | list[T] | None) -> list[T]:
    """Return one value, several or none as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _severities(expect: Expect) -> list[float]:
    """Return the severities of an ``[[expect]]``, `ALL` where it names a perturbation alone."""
    return listed(expect.severity) or [0.0 if expect.perturbation is None else ALL]


def _each(values: list[T], count: int) -> list[T]:
    return values * count if len(values) == 1 else values
