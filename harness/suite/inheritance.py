"""A suite that extends another: what it inherits, and what it changes."""

import os
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, shown
from harness.machine.paths import absolute
from harness.suite.problems import problem
from harness.suite.reading import put, read

MOST_FILES = 50
"""Files that extend each other in one line: a person follows no longer one, and each is held in memory."""


def lineage(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the tables of a suite file and of those that it extends, each complete; the suite's own is the last.

    An ``[[expect]]`` is given the dataset of the file that it stands in. ``inherit = false`` in ``[expectations]``
    leaves out what the extended suites expect, and holds for its own file alone.

    Raises:
        HarnessError: a file is missing, unreadable, not TOML, extends itself, or is the last of too long a line.
    """
    return _lineage(path, ())


def _lineage(path: Path, below: tuple[Path, ...]) -> list[tuple[Path, dict[str, Any]]]:
    table = read(path)
    about = table.get("suite")
    base = about.get("extends") if isinstance(about, dict) else None
    if not isinstance(base, str):  # a wrong type is refused with the suite's other values
        return [(path, _with_datasets(table))]
    if len(below) == MOST_FILES:
        raise problem(
            path, ("suite", "extends"), f"{shown(base)} would be read after {MOST_FILES} files that extend it"
        )
    place = path.parent / base
    try:
        below = (*below, absolute(path))
        circular = absolute(place) in below
    except HarnessError as error:
        raise problem(path, ("suite", "extends"), str(error)) from None
    if circular:
        raise problem(path, ("suite", "extends"), f"{shown(base)} extends this suite itself. Name another")
    try:
        above = _lineage(place, below)
    except HarnessError as error:
        if not os.path.isfile(place):  # of a path that no system takes, pathlib's raises  # noqa: PTH113
            raise problem(path, ("suite", "extends"), str(error)) from None
        raise
    inherited = above[-1][1]
    own = _with_datasets(table, inherited)
    return [*above, (path, _merge(inherited, own))]


def _merge(inherited: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    if isinstance(inherited.get("expectations"), dict):
        kept = {key: value for key, value in inherited["expectations"].items() if key != "inherit"}
        inherited = inherited | {"expectations": kept}
    merged = put(inherited, {key: value for key, value in own.items() if key != "expect"})
    expectations = own.get("expectations")
    takes_over = not isinstance(expectations, dict) or expectations.get("inherit") is not False
    lists = [table["expect"] for table in ((inherited, own) if takes_over else (own,)) if "expect" in table]
    if not takes_over and not lists:
        merged.pop("expect", None)
    if lists and all(isinstance(one, list) for one in lists):
        merged["expect"] = [line for one in lists for line in one]
    elif lists:
        merged["expect"] = lists[-1]
    return merged


def _with_datasets(table: dict[str, Any], inherited: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a file's table, the dataset of its figures noted before an option can replace it."""
    expect = table.get("expect")
    if not isinstance(expect, list):
        return table
    named = [one["dataset"] for one in (table, inherited or {}) if isinstance(one.get("dataset"), dict)]
    dataset = next((one["name"] for one in named if "name" in one), "digits")
    lines = [{"dataset": dataset} | line if isinstance(line, dict) and "value" in line else line for line in expect]
    return table | {"expect": lines}
