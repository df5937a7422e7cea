"""What trained networks are tested under: ``[[robustness]]`` of a suite."""

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from harness.rows import CLEAN, Condition
from harness.settings import Count, Name, NotNegative, Seed, Table, distinct

_SOME = Field(min_length=1, max_length=1_000)


class Robustness(Table):
    """``[[robustness]]``: a perturbation of the test rows, its severities, the seed that draws it, and its options.

    Without ``severities`` they are the perturbation's levels, or those of its levels that ``levels`` names, from 1.
    ``"SUITE/*"`` as perturbation means each that declares this suite and has no other table. A suite that has been
    loaded has a table for each perturbation, with severities.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    perturbation: Name
    severities: Annotated[list[NotNegative], _SOME, AfterValidator(distinct)] = Field(default_factory=list)
    levels: Annotated[list[Count], _SOME, AfterValidator(distinct)] = Field(default_factory=list, exclude=True)
    seed: Seed = 42

    @property
    def options(self) -> dict[str, Any]:
        """The perturbation's options."""
        return dict(self.model_extra or {})


def conditions(perturbations: Sequence[Robustness], without: Collection[str] = ()) -> list[Condition]:
    """Return the clean condition, then each perturbation's severities in the suite's order.

    ``without``: the names of perturbations that are left out.
    """
    tables = [table for table in perturbations if table.perturbation not in without]
    return [CLEAN, *(Condition(table.perturbation, severity) for table in tables for severity in table.severities)]


def severities_of(perturbations: Iterable[Robustness]) -> dict[str, list[float]]:
    """Return the severities of each perturbation, over all its tables."""
    severities: dict[str, list[float]] = {}
    for table in perturbations:
        severities.setdefault(table.perturbation, []).extend(table.severities)
    return severities


def seeds_of(perturbations: Iterable[Robustness]) -> dict[str, list[int]]:
    """Return the seeds of each perturbation's tables, as `EvaluationRow.seeds` has them."""
    seeds: dict[str, list[int]] = {}
    for table in perturbations:
        seeds.setdefault(table.perturbation, []).append(table.seed)
    return seeds


def options_of(perturbations: Iterable[Robustness]) -> dict[str, list[dict[str, Any]]]:
    """Return the options of each perturbation's tables, as `EvaluationRow.options` has them."""
    options: dict[str, list[dict[str, Any]]] = {}
    for table in perturbations:
        options.setdefault(table.perturbation, []).append(table.options)
    return {name: tables for name, tables in options.items() if any(tables)}
