"""Grids: an experiment's table as the template of several, and the place of their settings in the file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from harness.errors import as_typed, shown
from harness.suite.problems import DEEPEST, Place, problem
from harness.suite.reading import as_table

MOST_EXPERIMENTS = 10_000
"""The most experiments of a suite, its grids included: each is a line of every table."""


@dataclass(frozen=True)
class Origin:
    """An experiment's template, and for each key of the grid the position of its value."""

    template: str
    keys: Mapping[str, int]

    def place(self, rest: Place) -> Place:
        """Return the place in the file of the setting at ``rest`` within the experiment."""
        for key, position in self.keys.items():
            parts = tuple(key.split("."))
            shared = min(len(parts), len(rest))
            if shared and parts[:shared] == rest[:shared]:
                return ("experiments", self.template, "grid", key, position, *rest[len(parts) :])
        return ("experiments", self.template, *rest)


@dataclass(frozen=True)
class Expanded:
    """The experiments' tables, each without a grid, the origin of each, and the defaults that they inherit."""

    tables: dict[str, dict[str, Any]]
    origins: dict[str, Origin]
    defaults: Mapping[str, Any]

    def place(self, name: str, *rest: str | int) -> Place:
        """Return the place in the file of an experiment's setting, if it is not inherited."""
        return self.origins[name].place(rest)

    def source(self, name: str, key: str, *within: str) -> Place:
        """Return the place that an experiment's setting, or a key within it, comes from: its table, or the defaults."""
        inherited = key not in self.tables[name] and key in self.defaults
        return ("defaults", key, *within) if inherited else self.place(name, key, *within)

    def option(self, name: str, key: str, option: str) -> Place:
        """Return the place of an option in an experiment's table ``key``: in its own, or in the defaults.

        A table with a ``name`` replaces the inherited one whole; without, the two are merged key by key. A name alone
        is its own place.
        """
        table, inherited = self.tables[name].get(key), self.defaults.get(key)
        if isinstance(table if key in self.tables[name] else inherited, str):
            return self.source(name, key)
        if not isinstance(table, dict):
            return (*self.source(name, key), option)
        own = option in table or "name" in table or not isinstance(inherited, dict)
        return self.place(name, key, option) if own else ("defaults", key, option)


def expand(path: Path, tables: Mapping[str, Any], defaults: Mapping[str, Any]) -> Expanded:
    """Return the experiments; a ``grid`` becomes one experiment for every combination of its values.

    ``grid = { "optimizer.learning_rate" = [0.01, 0.1] }`` in ``M1a`` gives ``M1a[optimizer.learning_rate=0.01]`` and
    ``M1a[optimizer.learning_rate=0.1]``, in the template's place; the last key of several varies fastest.

    Raises:
        HarnessError: a grid is not a table of lists, is empty, or two experiments would have the same name.
    """
    expanded: dict[str, dict[str, Any]] = {}
    origins: dict[str, Origin] = {}
    for template, table in tables.items():
        own: Place = ("experiments", template)
        if not isinstance(table, dict):
            raise problem(path, own, f"{shown(table)} is not a table")
        points = _points(path, (*own, "grid"), table["grid"]) if "grid" in table else [{}]
        for point in points:
            values = ",".join(f"{key}={_spell(value)}" for key, (_, value) in point.items())
            name = f"{template}[{values}]" if point else template
            origin = Origin(template, {key: position for key, (position, _) in point.items()})
            if name in expanded:
                place = (*own, "grid") if point else own
                raise problem(path, place, f"gives two experiments {shown(name)}. Remove one of the equal values")
            own_table = {key: value for key, value in table.items() if key != "grid"}
            for key, (_, value) in point.items():
                own_table = _put(own_table, key.split("."), value)
            expanded[name], origins[name] = own_table, origin
        if len(expanded) > MOST_EXPERIMENTS:
            what = f"more than {MOST_EXPERIMENTS:,} experiments. Divide them among suites"
            raise problem(path, ("experiments",), what)
    return Expanded(expanded, origins, defaults)


def _points(path: Path, place: Place, grid: Any) -> Iterator[dict[str, tuple[int, Any]]]:
    """Yield the combinations: each key's value, with its position in the key's list."""
    example = 'Write { "optimizer.learning_rate" = [0.01, 0.1] }'
    if not isinstance(grid, dict):
        raise problem(path, place, f"{shown(grid)} is not a table. {example}")
    if not grid:
        raise problem(path, place, f"is empty. {example}, or leave it out")
    for key, values in grid.items():
        _check_values(path, (*place, key), key, values)
    count = prod(len(values) for values in grid.values())
    if count > MOST_EXPERIMENTS:
        what = (
            f"{count:,} combinations are more than the {MOST_EXPERIMENTS:,} experiments that a suite may have. Give "
            "fewer values, or divide them among suites"
        )
        raise problem(path, place, what)
    choices = [list(enumerate(values)) for values in grid.values()]
    return (dict(zip(grid, point, strict=True)) for point in product(*choices))


def _check_values(path: Path, place: Place, key: str, values: Any) -> None:
    """Refuse values that a grid cannot have for a key."""
    if isinstance(values, dict):
        inner = f'"{as_typed(key)}.{as_typed(next(iter(values), "key"))}"'
        raise problem(path, place, f"{shown(values)} is not a list of values. Quote a key with dots: {inner} = […]")
    if not isinstance(values, list):
        instead = as_typed(_spell(values), 80)
        raise problem(path, place, f"{shown(values)} is not a list of values. Write [{instead}]")
    if not values:
        raise problem(path, place, "has no values. Give at least one, or leave the key out")
    for position, value in enumerate(values):
        if isinstance(value, dict):
            inner = f'"{as_typed(key)}.{as_typed(next(iter(value), "key"))}"'
            what = f"{shown(value)} cannot be part of a name. Vary its keys one by one: {inner}"
            raise problem(path, (*place, position), what)
    if key.count(".") >= DEEPEST:
        raise problem(path, place, f"has more than {DEEPEST} parts, and no table nests as deeply")


def _put(table: dict[str, Any], parts: list[str], value: Any) -> dict[str, Any]:
    first, *rest = parts
    if not rest:
        return table | {first: value}
    inner = as_table(first, table.get(first))
    return table | {first: _put(inner if isinstance(inner, dict) else {}, rest, value)}


def _spell(value: Any) -> str:
    """Return a value as a name has it: as in TOML, but texts without quotes and lists without spaces.

    >>> _spell([128, 64]), _spell(False), _spell(1e-5), _spell("sum")
    ('[128,64]', 'false', '1e-05', 'sum')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{','.join(map(_spell, value))}]" if isinstance(value, list) else str(value)
