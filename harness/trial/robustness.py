"""What trained networks are tested under: ``[[robustness]]`` of a suite."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from harness.rows import CLEAN, Condition
from harness.settings import Name, NotNegative, Seed, Table, distinct


class Robustness(Table):
    """``[[robustness]]``: a perturbation of the test images, its severities, and the seed that draws it."""

    perturbation: Name
    severities: Annotated[list[NotNegative], Field(min_length=1, max_length=1_000), AfterValidator(distinct)]
    seed: Seed = 42


def conditions(perturbations: Sequence[Robustness]) -> list[Condition]:
    """Return the clean condition, then each perturbation's severities in the suite's order."""
    asked = ((table.perturbation, severity) for table in perturbations for severity in table.severities)
    return [CLEAN, *(Condition(*pair) for pair in asked)]


def seeds_of(perturbations: Iterable[Robustness]) -> dict[str, list[int]]:
    """Return the seeds of each perturbation's tables, as `EvaluationRow.seeds` has them."""
    seeds: dict[str, list[int]] = {}
    for table in perturbations:
        seeds.setdefault(table.perturbation, []).append(table.seed)
    return seeds
