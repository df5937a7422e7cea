"""``[[robustness]]`` completed by what is installed: severities that a table leaves out, and whole suites."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, nearest, shown
from harness.plugins.loading import Registry
from harness.plugins.perturbations import levels_of, suites_of
from harness.suite.problems import Place, SuiteError, problem
from harness.trial.robustness import Robustness

WHOLE = "/*"
"""What the name of a suite of perturbations ends with, where a table means all of them."""


@dataclass(frozen=True)
class Source:
    """The table of the file that a test comes from: its position, and whether it has the severities."""

    index: int
    has_severities: bool

    def place(self, *within: str | int) -> Place:
        """Return the place of the table, or of a key within it."""
        return ("robustness", self.index, *within)

    def severity(self, position: int) -> Place:
        """Return the place of a severity: of one of the perturbation's levels, that of its name."""
        return self.place("severities", position) if self.has_severities else self.place("perturbation")


@dataclass(frozen=True)
class Completed:
    """The tables of ``[[robustness]]``, each with a perturbation and severities, and the source of each."""

    tables: list[Robustness]
    sources: tuple[Source, ...]


def completed(path: Path, tables: Sequence[Robustness], registry: Registry, *, needed: bool) -> Completed:
    """Return the tests that a suite's tables mean with the perturbations that are installed.

    ``needed``: whether this command tests anything. If not, a table that cannot be completed here is left out.

    Raises:
        HarnessError: it is needed, and no installed perturbation has its name, or levels; or a suite is unknown.
    """
    tests: list[tuple[Robustness, Source]] = []
    named = {table.perturbation for table in tables}
    for index, table in enumerate(tables):
        source = Source(index, bool(table.severities))
        if table.severities and table.levels:
            raise problem(path, source.place("levels"), "is beside severities. Remove one of them")
        try:
            meant = _meant(path, table, source, registry, named)
            tests += [(each if each.severities else _graded(path, each, source, registry), source) for each in meant]
        except SuiteError:
            if needed:
                raise
    return Completed([table for table, _ in tests], tuple(source for _, source in tests))


def _meant(
    path: Path, table: Robustness, source: Source, registry: Registry, named: Collection[str]
) -> list[Robustness]:
    """Return the tables of a whole suite's perturbations, but for those that are ``named``; or the table as it is."""
    name = table.perturbation
    if not name.endswith(WHOLE):
        return [table]
    suites = suites_of(registry)
    suite = name.removesuffix(WHOLE)
    if suite not in suites:
        known = f"unknown suite of perturbations {shown(suite)}. {nearest(suite, suites)}"
        raise problem(path, source.place("perturbation"), known)
    if table.severities:
        what = f"each perturbation of {shown(name)} has another unit. Remove the line, or give levels = [1, 3, 5]"
        raise problem(path, source.place("severities"), what)
    for key in table.options:
        keys = [name for name in Robustness.model_fields if name != "severities"]
        raise problem(path, source.place(key), f"unknown key {shown(key)}. {nearest(key, keys)}")
    others = [each for each in suites[suite] if each not in named]
    if not others:
        what = f"{shown(name)}: each of its perturbations has another table. Remove this one"
        raise problem(path, source.place("perturbation"), what)
    return [table.model_copy(update={"perturbation": each}) for each in others]


def _graded(path: Path, table: Robustness, source: Source, registry: Registry) -> Robustness:
    """Return a table with the perturbation's levels as severities, or with those that it names."""
    try:
        component = registry.find("perturbation", table.perturbation)
        levels = levels_of(component)
    except HarnessError as error:
        raise problem(path, source.place("perturbation"), str(error)) from None
    name = shown(table.perturbation)
    if not levels:
        key = "levels" if table.levels else "severities"
        what = f"{name} has no levels. Give severities" if table.levels else f"is missing, and {name} has no levels"
        raise problem(path, source.place(key), what)
    for position, level in enumerate(table.levels):
        if level > len(levels):
            what = f"{level} is not a level of {name}. It has 1 … {len(levels)}"
            raise problem(path, source.place("levels", position), what)
    chosen: list[Any] = [levels[level - 1] for level in table.levels] or levels
    return table.model_copy(update={"severities": chosen, "levels": []})
